//! TensorBoard's event files: TFRecord framing around hand-encoded protobuf messages.

use super::StepMetrics;

/// The events of one step, one for every number of its metrics.
pub(super) fn events(metrics: &StepMetrics) -> Vec<u8> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(metrics) else {
        return Vec::new();
    };
    let mut values = Vec::new();
    for (name, value) in &fields {
        match value {
            serde_json::Value::Number(number) if !matches!(name.as_str(), "step" | "time") => {
                values.extend(number.as_f64().map(|number| (name.clone(), number)));
            }
            serde_json::Value::Object(counts) => values.extend(
                counts
                    .iter()
                    .filter_map(|(key, count)| Some((format!("{name}/{key}"), count.as_f64()?))),
            ),
            _ => {}
        }
    }
    let mut data = Vec::new();
    if metrics.step == 1 {
        data.extend(record(&version(metrics.time)));
    }
    data.extend(record(&summary(metrics.time, metrics.step, &values)));
    data
}

/// `Event { wall_time = 1, file_version = 3 }`, which starts every file.
fn version(time: f64) -> Vec<u8> {
    let mut event = double(1, time);
    event.extend(bytes(3, b"brain.Event:2"));
    event
}

/// `Event { wall_time = 1, step = 2, summary = 5: Summary { value = 1: { tag = 1, simple_value = 2 } } }`.
fn summary(time: f64, step: u64, values: &[(String, f64)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, number) in values {
        let mut value = bytes(1, tag.as_bytes());
        value.push((2 << 3) | 5);
        value.extend((*number as f32).to_le_bytes());
        summary.extend(bytes(1, &value));
    }
    let mut event = double(1, time);
    event.push(2 << 3);
    event.extend(varint(step));
    event.extend(bytes(5, &summary));
    event
}

fn double(field: u8, value: f64) -> Vec<u8> {
    let mut data = vec![(field << 3) | 1];
    data.extend(value.to_le_bytes());
    data
}

fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    let mut data = vec![(field << 3) | 2];
    data.extend(varint(value.len() as u64));
    data.extend(value);
    data
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut data = Vec::new();
    while value >= 0x80 {
        data.push((value as u8) | 0x80);
        value >>= 7;
    }
    data.push(value as u8);
    data
}

/// Length, masked checksum of the length, data, masked checksum of the data.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's CRC, bit by bit: an event is a few hundred bytes.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
    }

    #[test]
    fn numbers_are_encoded_as_protobuf_says() {
        assert_eq!(varint(0), [0]);
        assert_eq!(varint(300), [0xac, 0x02]);
        assert_eq!(varint(u64::MAX).len(), 10);
        let event = summary(1.0, 300, &[("a".into(), 0.5)]);
        let expected = [
            0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // wall_time = 1.0
            0x10, 0xac, 0x02, // step = 300
            0x2a, 0x0a, 0x0a, 0x08, 0x0a, 0x01, b'a', // summary { value { tag = "a"
            0x15, 0, 0, 0, 0x3f, // simple_value = 0.5 } }
        ];
        assert_eq!(event, expected);
    }

    #[test]
    fn a_record_is_framed_by_its_checksums() {
        let record = record(b"abc");
        assert_eq!(record.len(), 8 + 4 + 3 + 4);
        assert_eq!(record[..8], 3u64.to_le_bytes());
        assert_eq!(record[12..15], *b"abc");
        assert_eq!(record[15..], masked(b"abc").to_le_bytes());
    }
}

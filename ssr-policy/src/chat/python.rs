//! Values printed as Python prints them, which is what chat templates are written for.

use std::fmt::Write;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

/// Containers deeper than this are refused, because printing recurses.
const MAX_DEPTH: usize = 100;
/// The widest indentation of a level of JSON.
const MAX_INDENT: usize = 32;

fn wrong(problem: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, problem)
}

/// The filter `tojson` of Hugging Face's templates: `json.dumps` that keeps characters beyond ASCII.
pub(super) fn tojson(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    if indent.is_some_and(|indent| indent > MAX_INDENT) {
        return Err(wrong("tojson is asked for an indentation beyond 32"));
    }
    let separators: Option<Value> = options.get("separators")?;
    let separator = |index| -> Result<Option<String>, Error> {
        let text = |pair: &Value| pair.get_item_by_index(index).map(|text| text.to_string());
        separators.as_ref().filter(|pair| !pair.is_none()).map(text).transpose()
    };
    let item = if indent.is_some() { "," } else { ", " };
    let mut json = Json {
        ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        sorted: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        item: separator(0)?.unwrap_or_else(|| item.into()),
        colon: separator(1)?.unwrap_or_else(|| ": ".into()),
        indent,
        text: String::new(),
    };
    options.assert_all_used()?;
    json.value(value, 0)?;
    Ok(Value::from(json.text))
}

/// Jinja's filter `indent`, which keeps the newline at the end of a text.
pub(super) fn indent(
    state: &State<'_, '_>,
    text: &str,
    width: Option<usize>,
    first: Option<bool>,
    options: Kwargs,
) -> Result<String, Error> {
    let width = width.or(options.get("width")?).unwrap_or(4);
    let first = first.or(options.get("first")?).unwrap_or(false);
    let blank: bool = options.get::<Option<bool>>("blank")?.unwrap_or(false);
    options.assert_all_used()?;
    let lines = text.split('\n').count();
    state.consume_fuel((lines as u64).saturating_mul(width as u64) / 64)?;
    let space = " ".repeat(width);
    let mut out = String::new();
    for (index, line) in text.split('\n').enumerate() {
        let indented = if index == 0 { first } else { blank || !line.is_empty() };
        out.push_str(if index == 0 { "" } else { "\n" });
        out.push_str(if indented { &space } else { "" });
        out.push_str(line);
    }
    Ok(out)
}

struct Json {
    ascii: bool,
    sorted: bool,
    item: String,
    colon: String,
    indent: Option<usize>,
    text: String,
}

impl Json {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(wrong("a value is nested too deep for JSON"));
        }
        match value.kind() {
            ValueKind::None => self.text.push_str("null"),
            ValueKind::Bool => self.text.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => match float(value) {
                Some(number) if number.is_nan() => self.text.push_str("NaN"),
                Some(number) if number.is_infinite() => {
                    self.text.push_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
                }
                Some(number) => self.text.push_str(&float_text(number)),
                None => self.text.push_str(&value.to_string()),
            },
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                self.text.push('[');
                let mut empty = true;
                for element in value.try_iter()? {
                    self.separate(&mut empty, depth);
                    self.value(&element, depth + 1)?;
                }
                self.close(']', empty, depth);
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sorted {
                    keys.sort();
                }
                self.text.push('{');
                let mut empty = true;
                for key in keys {
                    self.separate(&mut empty, depth);
                    match key.as_str() {
                        Some(key) => self.string(key),
                        None => {
                            let name = key.to_string();
                            self.string(&name);
                        }
                    }
                    let colon = std::mem::take(&mut self.colon);
                    self.text.push_str(&colon);
                    self.colon = colon;
                    self.value(&value.get_item(&key)?, depth + 1)?;
                }
                self.close('}', empty, depth);
            }
            _ => return Err(wrong("a value has no form in JSON; is it undefined?")),
        }
        Ok(())
    }

    fn separate(&mut self, empty: &mut bool, depth: usize) {
        if !std::mem::replace(empty, false) {
            let item = std::mem::take(&mut self.item);
            self.text.push_str(&item);
            self.item = item;
        }
        self.line(depth + 1);
    }

    fn close(&mut self, bracket: char, empty: bool, depth: usize) {
        if !empty {
            self.line(depth);
        }
        self.text.push(bracket);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                _ if character < ' ' || (self.ascii && character > '~') => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.text, "\\u{unit:04x}");
                    }
                }
                _ => self.text.push(character),
            }
        }
        self.text.push('"');
    }
}

/// What `str()` gives: the form in which a template prints a value.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Undefined => Ok(String::new()),
        _ => {
            let mut text = String::new();
            repr(value, 0, &mut text)?;
            Ok(text)
        }
    }
}

/// Whether Python can iterate over a value. Nothing (`None`) cannot, what is undefined can.
pub(super) fn is_iterable(value: &Value) -> bool {
    is_sequence(value) || matches!(value.kind(), ValueKind::Iterable | ValueKind::Undefined)
}

/// Whether a value has a length and elements, which in Python texts and mappings have too.
pub(super) fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Bytes)
}

fn repr(value: &Value, depth: usize, text: &mut String) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(wrong("a value is nested too deep to be printed"));
    }
    match value.kind() {
        ValueKind::None => text.push_str("None"),
        ValueKind::Bool => text.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => match float(value) {
            Some(number) => text.push_str(&float_text(number)),
            None => text.push_str(&value.to_string()),
        },
        ValueKind::String => quoted(value.as_str().unwrap_or_default(), text),
        ValueKind::Seq => {
            text.push('[');
            for (index, element) in value.try_iter()?.enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                repr(&element, depth + 1, text)?;
            }
            text.push(']');
        }
        ValueKind::Map => {
            text.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                repr(&key, depth + 1, text)?;
                text.push_str(": ");
                repr(&value.get_item(&key)?, depth + 1, text)?;
            }
            text.push('}');
        }
        _ => text.push_str(&value.to_string()),
    }
    Ok(())
}

fn quoted(string: &str, text: &mut String) {
    let quote = if string.contains('\'') && !string.contains('"') { '"' } else { '\'' };
    text.push(quote);
    for character in string.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ if character == quote => text.extend(['\\', quote]),
            _ if character.is_control() => {
                let _ = write!(text, "\\x{:02x}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
    text.push(quote);
}

fn float(value: &Value) -> Option<f64> {
    if value.is_integer() { None } else { f64::try_from(value.clone()).ok() }
}

/// Python's `repr` of a float: the shortest text that reads back, exponents of two digits.
fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let text = format!("{number:?}");
    match text.split_once('e') {
        None => text,
        Some((mantissa, exponent)) => {
            let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
    }
}

/// Methods of Python's strings that `minijinja-contrib` does not have.
pub(super) fn method(value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let unknown = || Error::from(ErrorKind::UnknownMethod);
    let text = value.as_str().ok_or_else(unknown)?;
    let arg = |index: usize| args.get(index).and_then(Value::as_str).ok_or_else(unknown);
    match (name, args.len()) {
        ("removeprefix", 1) => Ok(text.strip_prefix(arg(0)?).unwrap_or(text).into()),
        ("removesuffix", 1) => Ok(text.strip_suffix(arg(0)?).unwrap_or(text).into()),
        ("rsplit", 1 | 2) if !arg(0)?.is_empty() => {
            let most = args.get(1).and_then(Value::as_usize).unwrap_or(usize::MAX - 1);
            let mut parts: Vec<&str> = text.rsplitn(most.saturating_add(1), arg(0)?).collect();
            parts.reverse();
            Ok(parts.into_iter().map(Value::from).collect())
        }
        ("partition", 1) if !arg(0)?.is_empty() => {
            let (before, after) = text.split_once(arg(0)?).unwrap_or((text, ""));
            let separator = &text[before.len()..text.len() - after.len()];
            Ok([before, separator, after].into_iter().map(Value::from).collect())
        }
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_printed_as_python_prints_them() {
        let cases = [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (-2.5e300, "-2.5e+300"),
            (f64::INFINITY, "inf"),
        ];
        for (number, expected) in cases {
            assert_eq!(float_text(number), expected);
        }
    }

    #[test]
    fn containers_are_printed_as_python_prints_them() {
        let value: serde_json::Value =
            serde_json::from_str(r#"{"b": [1, 2.0, null, true], "a": "it's\n", "c": "'\""}"#)
                .unwrap();
        let printed = text(&Value::from(minijinja::value::Serde(&value))).unwrap();
        assert_eq!(printed, r#"{'b': [1, 2.0, None, True], 'a': "it's\n", 'c': '\'"'}"#);
    }
}

//! Times of files as coreutils and diffutils print them.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::fmt::strtime;

/// `time` in UTC, the zone of the shell, in a format of `strftime`. What the calendar cannot hold
/// is printed as 1970-01-01, and a format that means nothing as it stands.
pub(in crate::shell) fn utc(time: SystemTime, format: &str) -> String {
    let at = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    strtime::format(format, at).unwrap_or_else(|_| format.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn days_are_padded_with_a_space_and_nanoseconds_are_kept() {
        let time = UNIX_EPOCH + Duration::new(1_735_689_600, 5);
        assert_eq!(utc(time, "%b %e %H:%M"), "Jan  1 00:00");
        assert_eq!(utc(time, "%F %T.%N %z"), "2025-01-01 00:00:00.000000005 +0000");
        assert_eq!(utc(time, "%!"), "%!");
    }
}

//! Dates of commits: read from options and variables, printed in the styles of `--date`.

use jiff::fmt::{rfc2822, strtime, temporal::Pieces};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil::Time};

use super::{Fatal, Result};
use crate::shell::session::EPOCH;

/// When something happened, and the offset from UTC with which it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    at: Timestamp,
    offset: Offset,
}

impl Moment {
    /// The present of the workspace, whose clock stands still for git: equal commands make equal
    /// commits.
    pub fn now() -> Self {
        Self { at: Timestamp::from_second(EPOCH).unwrap_or_default(), offset: Offset::UTC }
    }

    /// Reads `@1700000000 +0100`, `2025-01-01`, `2025-01-01T12:00:00Z`,
    /// `2025-01-01 12:00:00 +0100` and `Wed, 1 Jan 2025 12:00:00 +0100`. A date without a time is
    /// midnight, a time without a zone is UTC.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let moment = Self::from_seconds(text)
            .or_else(|| Self::from_iso(text))
            .or_else(|| Self::from_rfc(text))?;
        // Git has no dates before 1970.
        (moment.seconds() >= 0).then_some(moment)
    }

    fn from_seconds(text: &str) -> Option<Self> {
        let number = text.strip_prefix('@').unwrap_or(text);
        let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        // As in git, fewer digits without the `@` are no time: `20250101` is a date.
        if digits == 0 || (digits < 9 && !text.starts_with('@')) {
            return None;
        }
        let parsed = strtime::parse("%s %z", number).or_else(|_| strtime::parse("%s", number));
        let parsed = parsed.ok()?;
        let offset = parsed.offset().unwrap_or(Offset::UTC);
        Some(Self { at: parsed.timestamp()?, offset })
    }

    fn from_iso(text: &str) -> Option<Self> {
        // Unlike ISO 8601, git puts a space before the offset.
        let text = text.replacen(" +", "+", 1).replacen(" -", "-", 1);
        let pieces = Pieces::parse(&text).ok()?;
        let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
        let local = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
        Some(Self { at: offset.to_timestamp(local).ok()?, offset })
    }

    fn from_rfc(text: &str) -> Option<Self> {
        let parsed = rfc2822::parse(text).ok()?;
        Some(Self { at: parsed.timestamp(), offset: parsed.offset() })
    }

    /// Seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.at.as_second()
    }

    /// The offset as `+0130`.
    pub fn zone(self) -> String {
        self.format("%z")
    }

    fn format(self, format: &str) -> String {
        self.at.to_zoned_datetime(TimeZone::fixed(self.offset)).strftime(format).to_string()
    }

    pub fn show(self, style: DateStyle) -> String {
        match style {
            DateStyle::Default => self.format("%a %b %-d %H:%M:%S %Y %z"),
            DateStyle::Iso => self.format("%Y-%m-%d %H:%M:%S %z"),
            DateStyle::IsoStrict => self.format("%Y-%m-%dT%H:%M:%S%:z"),
            DateStyle::Rfc => self.format("%a, %-d %b %Y %H:%M:%S %z"),
            DateStyle::Short => self.format("%Y-%m-%d"),
            DateStyle::Unix => self.seconds().to_string(),
            DateStyle::Raw => format!("{} {}", self.seconds(), self.zone()),
            DateStyle::Relative => ago(EPOCH - self.seconds()),
        }
    }
}

/// A value of `--date`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateStyle {
    Default,
    Iso,
    IsoStrict,
    Rfc,
    Short,
    Unix,
    Raw,
    Relative,
}

impl DateStyle {
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "default" => Self::Default,
            "iso" | "iso8601" => Self::Iso,
            "iso-strict" | "iso8601-strict" => Self::IsoStrict,
            "rfc" | "rfc2822" => Self::Rfc,
            "short" => Self::Short,
            "unix" => Self::Unix,
            "raw" => Self::Raw,
            "relative" => Self::Relative,
            _ => {
                return Err(Fatal::new(format!(
                    "unknown date format {text}; this sandbox has default, iso, iso-strict, rfc, \
                     short, unix, raw and relative"
                )));
            }
        })
    }
}

/// Git rounds at every step from one unit to the next, and so does this: 89 minutes and 30 seconds
/// are 90 minutes, which are 2 hours.
fn ago(seconds: i64) -> String {
    let many = |count: i64, unit: &str| match count {
        1 => format!("1 {unit}"),
        count => format!("{count} {unit}s"),
    };
    if seconds < 0 {
        return "in the future".to_owned();
    }
    if seconds < 90 {
        return many(seconds, "second") + " ago";
    }
    let minutes = (seconds + 30) / 60;
    let hours = (minutes + 30) / 60;
    let days = (hours + 12) / 24;
    let text = match days {
        _ if minutes < 90 => many(minutes, "minute"),
        _ if hours < 36 => many(hours, "hour"),
        ..14 => many(days, "day"),
        14..70 => many((days + 3) / 7, "week"),
        70..365 => many((days + 15) / 30, "month"),
        365..1825 => {
            let months = (days * 12 * 2 + 365) / (365 * 2);
            match months % 12 {
                0 => many(months / 12, "year"),
                rest => format!("{}, {}", many(months / 12, "year"), many(rest, "month")),
            }
        }
        _ => many((days + 183) / 365, "year"),
    };
    text + " ago"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STYLES: [&str; 8] =
        ["default", "iso", "iso-strict", "rfc", "short", "unix", "raw", "relative"];

    fn shown(text: &str, style: &str) -> String {
        Moment::parse(text).unwrap().show(DateStyle::parse(style).unwrap())
    }

    /// Printed by git 2.39 on 2025-01-01; newer versions write `Z` for `+00:00` in `iso-strict`.
    #[test]
    fn every_style_is_that_of_git() {
        for (text, expected) in [
            (
                "@1709248507 +0130",
                [
                    "Fri Mar 1 00:45:07 2024 +0130",
                    "2024-03-01 00:45:07 +0130",
                    "2024-03-01T00:45:07+01:30",
                    "Fri, 1 Mar 2024 00:45:07 +0130",
                    "2024-03-01",
                    "1709248507",
                    "1709248507 +0130",
                    "10 months ago",
                ],
            ),
            (
                "@1735689600 +0000",
                [
                    "Wed Jan 1 00:00:00 2025 +0000",
                    "2025-01-01 00:00:00 +0000",
                    "2025-01-01T00:00:00+00:00",
                    "Wed, 1 Jan 2025 00:00:00 +0000",
                    "2025-01-01",
                    "1735689600",
                    "1735689600 +0000",
                    "0 seconds ago",
                ],
            ),
            (
                "@1704067199 -0730",
                [
                    "Sun Dec 31 16:29:59 2023 -0730",
                    "2023-12-31 16:29:59 -0730",
                    "2023-12-31T16:29:59-07:30",
                    "Sun, 31 Dec 2023 16:29:59 -0730",
                    "2023-12-31",
                    "1704067199",
                    "1704067199 -0730",
                    "1 year ago",
                ],
            ),
            (
                "@5 +0000",
                [
                    "Thu Jan 1 00:00:05 1970 +0000",
                    "1970-01-01 00:00:05 +0000",
                    "1970-01-01T00:00:05+00:00",
                    "Thu, 1 Jan 1970 00:00:05 +0000",
                    "1970-01-01",
                    "5",
                    "5 +0000",
                    "55 years ago",
                ],
            ),
        ] {
            assert_eq!(STYLES.map(|style| shown(text, style)), expected, "{text}");
        }
        let refused = DateStyle::parse("human").unwrap_err().message;
        assert!(refused.contains("human; this sandbox has default, iso, "), "{refused}");
    }

    /// Printed by git with `GIT_TEST_DATE_NOW`.
    #[test]
    fn relative_dates_are_rounded_as_in_git() {
        for (seconds, expected) in [
            (-100, "in the future"),
            (1, "1 second ago"),
            (89, "89 seconds ago"),
            (90, "2 minutes ago"),
            (150, "3 minutes ago"),
            (5369, "89 minutes ago"),
            (5370, "2 hours ago"),
            (127_800, "2 days ago"),
            (1_166_400, "2 weeks ago"),
            (6_004_800, "2 months ago"),
            (7_776_000, "3 months ago"),
            (31_535_999, "1 year ago"),
            (33_000_000, "1 year, 1 month ago"),
            (63_072_000, "2 years ago"),
            (70_000_000, "2 years, 3 months ago"),
            (157_680_000, "5 years ago"),
            (200_000_000, "6 years ago"),
        ] {
            assert_eq!(ago(seconds), expected, "{seconds}");
        }
    }

    /// The first five as `GIT_AUTHOR_DATE`, printed with `--date=raw`.
    #[test]
    fn dates_are_read_as_git_reads_them() {
        for (text, expected) in [
            ("2025-01-01T12:00:00Z", "1735732800 +0000"),
            ("2025-01-01 12:00:00 +0100", "1735729200 +0100"),
            ("2025-01-01T12:00:00.5+01:00", "1735729200 +0100"),
            ("Wed, 1 Jan 2025 00:00:00 +0000", "1735689600 +0000"),
            ("1735689600 +0100", "1735689600 +0100"),
            ("2025-01-01 12:00", "1735732800 +0000"),
            ("2025-01-01T12:00:00+02", "1735725600 +0200"),
            ("2025-01-01T12:00:00-0130", "1735738200 -0130"),
            ("2025-01-01", "1735689600 +0000"),
            (" @5 ", "5 +0000"),
        ] {
            assert_eq!(shown(text, "raw"), expected, "{text}");
        }
        for text in ["yesterday", "2025-13-01", "1969-01-01", "12345", "", "@", "@99999999999999"] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(seconds in 100_000_000i64..200_000_000_000, minutes in -840i32..=840) {
            let offset = Offset::from_seconds(minutes * 60).unwrap();
            let moment = Moment { at: Timestamp::from_second(seconds).unwrap(), offset };
            for style in ["iso", "iso-strict", "rfc", "raw"] {
                let text = moment.show(DateStyle::parse(style).unwrap());
                prop_assert_eq!(Moment::parse(&text), Some(moment), "{}", text);
            }
        }

        #[test]
        fn any_text_is_a_date_or_none(text in ".{0,30}") {
            let _ = Moment::parse(&text);
        }
    }
}

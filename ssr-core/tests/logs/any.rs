//! Whatever the bytes are, there is a report.

use proptest::prelude::*;
use ssr_core::{LogFormat, Outcome};

/// Pieces that parsers look for, so that random logs get past their first checks.
const PIECES: [&str; 46] = [
    "=== test session starts ===\n",
    "=== short test summary info ===\n",
    "PASSED ",
    "FAILED ",
    "SKIPPED ",
    "SUBFAILED[",
    "ERROR ",
    "a.py::t",
    "[",
    "]",
    " - ",
    " [ 50%]\n",
    "[gw0] ",
    "= 1 failed, 1 passed in 0.1s =\n",
    "test_a (m.T.test_a)",
    "test_a (m.T)",
    " ... ",
    "ok",
    "FAIL: ",
    "Ran 1 test in 0.1s\n",
    "OK\n",
    " (",
    "======================================================================\n",
    "running 2 tests\n",
    "test ",
    "failures:\n",
    "    a\n",
    "test result: ok. 1 passed; 0 failed; 0 ignored\n",
    "=== RUN   T\n",
    "--- PASS: T",
    " (0.00s)\n",
    "ok  \tx\t0.1s\n",
    "FAIL\tx\t0.1s\n",
    "PASS ./a.js\n",
    "  \u{2713} t",
    " (1 ms)\n",
    "Tests: 1 passed, 1 total\n",
    "<testsuite>",
    "<testcase name=\"a\" classname='b'",
    "/>",
    ">",
    "</testcase>",
    "<failure/>",
    "\u{1b}[31m",
    "\n",
    "99999999999999999999",
];

fn log() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => proptest::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_give_a_report(log in log()) {
        let _ = LogFormat::detect(&log);
        for format in LogFormat::ALL {
            let report = format.parse(&log);
            prop_assert!(report.len() <= log.len());
            prop_assert!(report.problems().len() <= log.len() + 4);
        }
    }
}

/// Long lines full of what parsers split at; a parser that is not linear does not come back.
#[test]
fn long_lines_take_no_longer_than_short_ones() {
    let starts = [
        (LogFormat::Pytest, "=== test session starts ===\na.py::t"),
        (LogFormat::Pytest, "=== short test summary info ===\nFAILED a.py::t["),
        (LogFormat::Pytest, "=== short test summary info ===\nSUBFAILED["),
        (LogFormat::Unittest, "test_a (m.T) ... "),
        (LogFormat::Unittest, "test_a ("),
        (LogFormat::Cargo, "running 1 test\ntest "),
        (LogFormat::Go, "=== RUN   T\n"),
        (LogFormat::Jest, "PASS a.js\n  "),
        (LogFormat::Junit, "<testsuite><testcase name=\""),
        (LogFormat::Junit, "<testsuite><testcase name='a'>"),
    ];
    let pieces = [
        " - ",
        "] - ",
        "[",
        " (",
        ") (",
        " ... ",
        ")",
        "PASSED (",
        " SKIPPED (a)",
        "--- ",
        "\u{1b}[",
        "\u{1b}]",
        "<a>",
        "<a ",
        "&amp;",
        "=",
        "= ",
        " ok",
    ];
    for piece in pieces {
        let long = piece.repeat((1 << 17) / piece.len());
        for (format, start) in starts {
            let report = format.parse(format!("{start}{long}").as_bytes());
            assert_eq!(report.count(Outcome::Passed), 0, "{format} {start:?} {piece:?}");
        }
        let _ = LogFormat::detect(long.as_bytes());
    }
}

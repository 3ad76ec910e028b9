//! JUnit XML, as pytest and others write it.

use crate::{Outcome, TestId, TestReport};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

pub(super) fn parse(log: &[u8]) -> TestReport {
    let text = String::from_utf8_lossy(log);
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut cases = Cases::default();
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => cases.start(&element),
            Ok(Event::Empty(element)) => {
                cases.start(&element);
                cases.end(element.local_name().as_ref());
            }
            Ok(Event::End(element)) => cases.end(element.local_name().as_ref()),
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                let at = reader.error_position();
                cases.report.add_problem(format!("the XML is malformed at byte {at}: {error}"));
                break;
            }
        }
    }
    cases.finish()
}

#[derive(Default)]
struct Cases {
    report: TestReport,
    open: Option<Case>,
    /// How deep the open case is nested into itself.
    depth: usize,
    suites: usize,
    unnamed: usize,
}

struct Case {
    id: Option<TestId>,
    outcome: Outcome,
}

impl Cases {
    fn start(&mut self, element: &BytesStart) {
        let name = element.local_name();
        match (&mut self.open, name.as_ref()) {
            (None, "testcase") => {
                self.open = Some(Case { id: id(element), outcome: Outcome::Passed });
                self.depth = 0;
            }
            (None, "testsuite" | "testsuites") => self.suites += 1,
            (Some(case), name) => {
                if self.depth == 0 {
                    case.outcome = case.outcome.max(outcome(name, element));
                }
                self.depth += 1;
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if self.depth > 0 {
            self.depth -= 1;
        } else if name == "testcase"
            && let Some(case) = self.open.take()
        {
            match case.id {
                Some(id) => self.report.record(id, case.outcome),
                None => self.unnamed += 1,
            }
        }
    }

    fn finish(mut self) -> TestReport {
        if let Some(id) = self.open.and_then(|case| case.id) {
            self.report.add_problem(format!("the XML ends in the middle of {id}"));
            self.report.expect(id);
        }
        if self.suites == 0 {
            self.report.add_problem("the XML has no test suite");
        }
        if self.unnamed > 0 {
            self.report.add_problem(format!("{} test cases have no name", self.unnamed));
        }
        self.report
    }
}

/// What an element inside of a test case says about it.
fn outcome(name: &str, element: &BytesStart) -> Outcome {
    match name {
        "failure" => Outcome::Failed,
        "error" => Outcome::Error,
        "skipped" if attribute(element, "type").as_deref() == Some("pytest.xfail") => {
            Outcome::XFailed
        }
        "skipped" => Outcome::Skipped,
        _ => Outcome::Passed,
    }
}

fn id(element: &BytesStart) -> Option<TestId> {
    let name = attribute(element, "name").filter(|name| !name.is_empty())?;
    let class = attribute(element, "classname").unwrap_or_default();
    let file = attribute(element, "file").filter(|file| file.ends_with(".py"));
    Some(match file {
        Some(file) => node_id(&file, &class, &name).into(),
        None if class.is_empty() => name.into(),
        None => format!("{class}::{name}").into(),
    })
}

/// pytest's node id: the class name is the module, then the classes inside of it.
fn node_id(file: &str, class: &str, name: &str) -> String {
    let module = file.strip_suffix(".py").unwrap_or(file).replace(['/', '\\'], ".");
    if class.is_empty() && module == name {
        return file.to_owned();
    }
    let mut id = file.replace('\\', "/");
    let classes = class.strip_prefix(&module).unwrap_or_default().split('.');
    for part in classes.filter(|part| !part.is_empty()).chain([name]) {
        id.push_str("::");
        id.push_str(part);
    }
    id
}

fn attribute(element: &BytesStart, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    let value = attribute.value.into_owned();
    Some(quick_xml::escape::unescape(&value).map(|value| value.into_owned()).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(xml: &str) -> Vec<(String, Outcome)> {
        parse(xml.as_bytes()).iter().map(|(id, outcome)| (id.to_string(), outcome)).collect()
    }

    #[test]
    fn cases_of_other_tools_are_named_by_class() {
        let xml = r#"<?xml version="1.0"?><testsuite><testcase classname="a.B" name="c &lt;1&gt;"/>
            <testcase name="d"><skipped/></testcase>
            <testcase classname="a.B" name="e"><system-out><![CDATA[<failure/>]]></system-out></testcase>
            <testcase classname="a.B" name="f"><error>x</error><failure/></testcase></testsuite>"#;
        let wanted = [
            ("a.B::c <1>", Outcome::Passed),
            ("a.B::e", Outcome::Passed),
            ("a.B::f", Outcome::Error),
            ("d", Outcome::Skipped),
        ];
        assert_eq!(outcomes(xml), wanted.map(|(id, outcome)| (id.to_owned(), outcome)));
    }

    #[test]
    fn a_file_that_was_cut_off_has_no_pass_for_its_last_test() {
        let report = parse(br#"<testsuite><testcase name="a"/><testcase name="b"><fail"#);
        assert_eq!(report.outcome(&"a".into()), Outcome::Passed);
        assert_eq!(report.outcome(&"b".into()), Outcome::Missing);
        assert_eq!(report.problems().len(), 2, "{report:?}");
    }

    #[test]
    fn entities_are_not_expanded() {
        let xml = r#"<!DOCTYPE x [<!ENTITY a "&b;&b;"><!ENTITY b "bbbb">]><testsuite><testcase name="&a;"/></testsuite>"#;
        assert_eq!(outcomes(xml), [("&a;".to_owned(), Outcome::Passed)]);
    }
}

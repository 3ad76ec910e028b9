//! Compares with what the official harness answered; `fixtures/make.py` recorded it.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ssr_eval::pass_at_k;
use ssr_eval::swebench::{
    EvalType, InfraFailure, Instance, InstanceReport, Prediction, Resolution, Rules, Run,
    RunSummary, TestStatus, TestsStatus, Tier,
};

#[derive(Deserialize)]
struct Fixture<T> {
    cases: T,
    no_patch: Option<BTreeMap<String, InstanceReport>>,
}

fn fixture<T: DeserializeOwned>(name: &str) -> Fixture<T> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(rename = "FAIL_TO_PASS")]
    fail_to_pass: Vec<String>,
    #[serde(rename = "PASS_TO_PASS")]
    pass_to_pass: Vec<String>,
    statuses: Vec<(String, TestStatus)>,
    eval_type: EvalType,
    exit_code: Option<i32>,
    suite_ran: bool,
    official: Official,
}

#[derive(Deserialize)]
struct Official {
    tests_status: TestsStatus,
    resolution: Resolution,
    report: Option<BTreeMap<String, InstanceReport>>,
}

impl Case {
    fn tests_status(&self, rules: Rules) -> TestsStatus {
        let statuses = self.statuses.iter().cloned().collect();
        TestsStatus::new(&self.fail_to_pass, &self.pass_to_pass, &statuses, self.eval_type, rules)
    }

    fn report(&self, model_patch: Option<&str>) -> InstanceReport {
        let (f2p, p2p) = (self.fail_to_pass.clone(), self.pass_to_pass.clone());
        let instance = Instance::new("", "fixture", f2p, p2p).with_eval_type(self.eval_type);
        let prediction = Prediction::new("fixture", "m", model_patch.map(str::to_owned));
        let statuses = self.statuses.iter().cloned().collect();
        let mut run = Run::new(statuses).with_suite_ran(self.suite_ran);
        run.exit_code = self.exit_code;
        InstanceReport::grade(&instance, &prediction, Some(&run), Rules::V5).unwrap()
    }
}

#[test]
fn tests_are_sorted_and_resolved_as_by_both_harnesses() {
    for (rules, name) in [(Rules::V4, "grading-v4.json"), (Rules::V5, "grading-v5.json")] {
        let cases = fixture::<Vec<Case>>(name).cases;
        assert!(cases.len() >= 30);
        for case in cases {
            let status = case.tests_status(rules);
            assert_eq!(status, case.official.tests_status, "{rules:?}, {}", case.name);
            assert_eq!(status.resolution(), case.official.resolution, "{rules:?}, {}", case.name);
        }
    }
}

#[test]
fn reports_are_those_of_harness_5() {
    let fixture = fixture::<Vec<Case>>("grading-v5.json");
    assert_eq!(fixture.cases[0].report(None), fixture.no_patch.unwrap()["fixture"]);
    for case in &fixture.cases {
        let official = &case.official.report.as_ref().unwrap()["fixture"];
        assert_eq!(&case.report(Some("a patch")), official, "{}", case.name);
    }
}

#[test]
fn a_written_report_has_the_official_keys_in_the_official_order() {
    let cases = fixture::<Vec<Case>>("grading-v5.json").cases;
    let expected = r#"{
    "fixture": {
        "patch_is_None": false,
        "patch_exists": true,
        "patch_successfully_applied": true,
        "resolved": true,
        "infra_failure": false,
        "tests_status": {
            "FAIL_TO_PASS": {
                "success": [
                    "a"
                ],
                "failure": []
            },
            "PASS_TO_PASS": {
                "success": [
                    "b"
                ],
                "failure": []
            },
            "FAIL_TO_FAIL": {
                "success": [],
                "failure": []
            },
            "PASS_TO_FAIL": {
                "success": [],
                "failure": []
            }
        }
    }
}"#;
    assert_eq!(cases[0].report(Some("a patch")).to_json("fixture"), expected);
}

#[test]
fn a_failure_is_noted_only_where_the_tests_did_not_run() {
    let cases = fixture::<Vec<Case>>("grading-v5.json").cases;
    let failure = InfraFailure::new("out_of_memory", Tier::Environment);
    let ran = cases[0].report(Some("a patch"));
    assert_eq!(ran.clone().with_failure(&failure), ran);
    let void = cases.iter().find(|case| case.name == "no status at all").unwrap();
    let report = void.report(Some("a patch")).with_failure(&failure);
    assert_eq!(report.infra_failure, Some(true));
    assert!(!report.resolved);
    assert!(report.to_json("fixture").contains(r#""infra_failure_reason": "out_of_memory""#));
}

#[test]
fn a_prediction_for_another_instance_is_refused() {
    let instance = Instance::new("", "a", Vec::new(), Vec::new());
    let prediction = Prediction::new("b", "", None);
    let error = InstanceReport::grade(&instance, &prediction, None, Rules::V5).unwrap_err();
    assert_eq!(error.to_string(), r#"an answer to "b" cannot be graded as "a"; pair them by id"#);
}

#[test]
fn directives_are_those_of_harness_4() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        repo: String,
        test_patch: String,
        directives: Vec<String>,
    }
    for case in fixture::<Vec<Case>>("directives.json").cases {
        let Case { name, repo, test_patch, directives } = case;
        let instance = Instance::new(repo, "i", Vec::new(), Vec::new()).with_test_patch(test_patch);
        assert_eq!(instance.test_directives(), directives, "{name}");
    }
}

#[test]
fn the_summary_is_the_official_one_byte_for_byte() {
    #[derive(Deserialize)]
    struct Case {
        instances: Vec<String>,
        predictions: Vec<Prediction>,
        reports: BTreeMap<String, BTreeMap<String, InstanceReport>>,
        failures: BTreeMap<String, (String, Tier)>,
        file_name: String,
        official: String,
    }
    let case = fixture::<Case>("summary.json").cases;
    let reports = case.reports.into_values().flatten().collect();
    let mut failures: BTreeMap<_, _> = case
        .failures
        .into_iter()
        .map(|(id, (reason, tier))| (id, InfraFailure::new(reason, tier)))
        .collect();
    let ignored = InfraFailure::new("ignored", Tier::Environment);
    failures.insert("r-1".to_owned(), ignored);
    let ids = case.instances.iter().map(String::as_str);
    let summary = RunSummary::new(ids, &case.predictions, &reports, &failures);
    assert_eq!(summary.to_json(), case.official);
    assert_eq!(serde_json::from_str::<RunSummary>(&case.official).unwrap(), summary);
    assert_eq!(RunSummary::file_name("org/model", "run"), case.file_name);
}

#[test]
fn summaries_of_harness_4_are_read() {
    let mut summary: Value = serde_json::from_str(
        &RunSummary::new([], &[], &BTreeMap::new(), &BTreeMap::new()).to_json(),
    )
    .unwrap();
    let fields = summary.as_object_mut().unwrap();
    fields.retain(|key, _| !key.contains("failure"));
    fields.insert("unremoved_images".to_owned(), Value::Array(Vec::new()));
    assert_eq!(serde_json::from_value::<RunSummary>(summary).unwrap().schema_version, 2);
}

#[test]
fn pass_at_k_is_the_exact_fraction() {
    let cases = fixture::<Vec<(usize, usize, usize, f64)>>("pass_at_k.json").cases;
    assert!(cases.len() > 50);
    for (n, c, k, exact) in cases {
        let value = pass_at_k(n, c, k);
        assert!(
            (value - exact).abs() <= 1e-13 * exact,
            "pass_at_k({n}, {c}, {k}) = {value}, not {exact}"
        );
    }
}

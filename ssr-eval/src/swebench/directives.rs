//! The arguments of the test command that harness 4 derives from the test patch.

use super::Instance;

/// File name endings that the harness takes for data, not tests. `csv` has no dot in the harness.
const NOT_TESTS: [&str; 11] =
    [".json", ".png", "csv", ".txt", ".md", ".jpg", ".jpeg", ".pkl", ".yml", ".yaml", ".toml"];

impl Instance {
    /// What harness 4 passes to the test command: the files of [`Instance::test_patch`] in its
    /// order, without data files. Django's runner takes modules (`i18n.tests`) instead of paths.
    ///
    /// Only the `diff --git` lines are read, by the rule of the harness, because a test patch may
    /// contain what a [`Patch`](ssr_core::Patch) refuses, such as binary files. The harness skips
    /// quoted names, and so does this.
    #[must_use]
    pub fn test_directives(&self) -> Vec<String> {
        if self.repo == "swe-bench/humaneval" {
            return vec!["test.py".to_owned()];
        }
        let files = self.test_patch.split('\n').filter_map(new_name);
        let tests = files.filter(|file| !NOT_TESTS.iter().any(|ending| file.ends_with(ending)));
        match self.repo.as_str() {
            "django/django" => tests.map(django_module).collect(),
            _ => tests.map(str::to_owned).collect(),
        }
    }
}

/// The group of the harness's pattern `diff --git a/.* b/(.*)`, found anywhere in a line.
fn new_name(line: &str) -> Option<&str> {
    let (_, names) = line.split_once("diff --git a/")?;
    names.rsplit_once(" b/").map(|(_, new)| new)
}

fn django_module(file: &str) -> String {
    let file = file.strip_suffix(".py").unwrap_or(file);
    file.strip_prefix("tests/").unwrap_or(file).replace('/', ".")
}

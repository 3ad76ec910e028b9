use super::Instance;

/// What the harness takes for data rather than tests. `csv` has no dot there.
const NOT_TESTS: [&str; 11] =
    [".json", ".png", "csv", ".txt", ".md", ".jpg", ".jpeg", ".pkl", ".yml", ".yaml", ".toml"];

impl Instance {
    /// What harness 4 passes to the test command: the files of [`Instance::test_patch`] in its
    /// order, without data files; Django's runner wants modules (`i18n.tests`) instead of paths.
    ///
    /// It reads the `diff --git` lines alone, by the harness's own rule: a test patch may hold what
    /// a [`Patch`](ssr_core::Patch) refuses, such as binary files. Quoted names are skipped, as
    /// there.
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

/// `diff --git a/.* b/(.*)`, anywhere in a line.
fn new_name(line: &str) -> Option<&str> {
    let (_, names) = line.split_once("diff --git a/")?;
    names.rsplit_once(" b/").map(|(_, new)| new)
}

fn django_module(file: &str) -> String {
    let file = file.strip_suffix(".py").unwrap_or(file);
    file.strip_prefix("tests/").unwrap_or(file).replace('/', ".")
}

//! Modification times, as Python relies on them.

use proptest::prelude::*;
use ssr_sandbox::Vfs;

use crate::vfs;

const SECOND: u64 = 1_000_000_000;

fn seconds(fs: &Vfs, path: &str) -> u64 {
    fs.metadata(path).unwrap().modified / SECOND
}

#[test]
fn a_change_after_a_look_gets_a_later_second() {
    let mut fs = vfs(&[("/a.py", "x = 1\n")]);
    let mut last = seconds(&fs, "/a.py");
    for text in ["x = 2\n", "x = 3\n", "x = 4\n"] {
        fs.write("/a.py", text.as_bytes()).unwrap();
        let now = seconds(&fs, "/a.py");
        assert!(now > last);
        last = now;
    }
}

#[test]
fn a_directory_changes_its_time_with_its_names() {
    let mut fs = vfs(&[("/d/a", "")]);
    let mut last = seconds(&fs, "/d");
    let changes: [fn(&mut Vfs); 4] = [
        |fs| fs.write("/d/b", *b"").unwrap(),
        |fs| fs.rename("/d/b", "/d/c").unwrap(),
        |fs| fs.remove_file("/d/c").unwrap(),
        |fs| fs.create_dir("/d/e").unwrap(),
    ];
    for change in changes {
        change(&mut fs);
        let now = seconds(&fs, "/d");
        assert!(now > last);
        last = now;
    }
    fs.write("/d/a", *b"content").unwrap();
    assert_eq!(seconds(&fs, "/d"), last);
}

#[test]
fn times_can_be_set() {
    let mut fs = vfs(&[("/a", "")]);
    fs.set_modified("/a", 42 * SECOND).unwrap();
    assert_eq!(seconds(&fs, "/a"), 42);
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8),
    Rename(usize, usize),
    Remove(usize),
    Link(usize, usize),
    Look(usize),
    Freeze,
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..4_usize;
    prop_oneof![
        4 => (file.clone(), any::<u8>()).prop_map(|(f, b)| Step::Write(f, b)),
        2 => (file.clone(), file.clone()).prop_map(|(a, b)| Step::Rename(a, b)),
        1 => file.clone().prop_map(Step::Remove),
        1 => (file.clone(), file.clone()).prop_map(|(a, b)| Step::Link(a, b)),
        4 => file.prop_map(Step::Look),
        1 => Just(Step::Freeze),
    ]
}

proptest! {
    /// What Python's import system relies on: a name whose second is the one that was seen before
    /// still has the content that was seen.
    #[test]
    fn an_equal_time_means_equal_content(steps in prop::collection::vec(step(), 1..60)) {
        let name = |file: usize| format!("/r/{file}.py");
        let files = [("r/0.py", "0"), ("r/1.py", "1"), ("r/2.py", "2"), ("r/3.py", "3")];
        let tree = ssr_core::Tree::from_files(files.map(|(path, text)| {
            let path = ssr_core::RepoPath::new(path).unwrap();
            (path, ssr_core::File::new(text.as_bytes()))
        })).unwrap();
        let mut fs = Vfs::new();
        fs.mount("/", &tree).unwrap();
        fs.freeze();
        let mut seen = std::collections::HashMap::new();
        for step in steps {
            match step {
                Step::Write(file, byte) => fs.write(&name(file), [byte]).unwrap(),
                Step::Rename(a, b) => drop(fs.rename(&name(a), &name(b))),
                Step::Remove(file) => drop(fs.remove_file(&name(file))),
                Step::Link(a, b) => drop(fs.hard_link(&name(a), &name(b))),
                Step::Freeze => fs.freeze(),
                Step::Look(file) => {
                    let Ok(metadata) = fs.metadata(&name(file)) else { continue };
                    let content = fs.read(&name(file)).unwrap();
                    let key = (file, metadata.modified / SECOND, metadata.len);
                    let first = seen.entry(key).or_insert_with(|| content.clone());
                    prop_assert_eq!(&*first, &content);
                }
            }
        }
    }
}

//! Weakens pytest and unittest files: deletes tests, drops cases, deletes or loosens assertions.

mod assertions;
mod callers;
mod cases;
mod claim;
mod definitions;
mod lines;
mod loosen;

use std::collections::HashMap;

use crate::NotFound;
use crate::weaken::{BrokenTest, Means, Plan, Weakened};

use super::grammar::GRAMMAR;
use assertions::Assertions;
use definitions::{Definitions, Origin};
use lines::Lines;

/// The edits that hide the tests in a file.
pub(super) fn weaken(text: &str, tests: &[BrokenTest<'_>]) -> Weakened {
    let lost = |reason| (0..tests.len()).map(|index| (index, reason)).collect();
    let Some(tree) = GRAMMAR.parse(text) else { return Err(lost(NotFound::Function)) };
    let definitions = Definitions::of(&tree, text);
    let mut lines = Lines::new(text);
    let mut edits = Vec::new();
    let mut functions = HashMap::new();
    let mut missing = Vec::new();
    for (index, test) in tests.iter().enumerate() {
        let found = match definitions.find(&test.classes, test.function) {
            Ok(Origin::Defined(found)) => found,
            Ok(Origin::Inherited { body, from }) => {
                // Deleting the inherited definition hides the test in the heirs too.
                let goes = |other: &BrokenTest<'_>| {
                    from.as_deref().is_some_and(|class| other.classes == [class])
                        && other.function == test.function
                        && other.cases.is_none()
                        && other.plan == Plan::Delete
                };
                if !tests.iter().any(goes) {
                    lines.append(body, &format!("{} = None", test.function));
                }
                continue;
            }
            Err(reason) => {
                missing.push((index, reason));
                continue;
            }
        };
        // Of several definitions Python uses the last one, and deleting it would bring back an
        // earlier one. Therefore only a single definition is weakened; several are all deleted.
        if let ([only], Some(wanted)) = (found, &test.cases)
            && let Some(dropped) = cases::dropping(text, *only, wanted)
        {
            edits.extend(dropped);
            continue;
        }
        if let [only] = found
            && let Some(loosened) = Assertions::of(text, *only).weaken(text, &test.plan, &mut lines)
        {
            edits.extend(loosened);
            continue;
        }
        if test.classes.is_empty() {
            functions.insert(test.function, found.to_vec());
        } else {
            found.iter().for_each(|definition| lines.delete(*definition));
        }
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut renames = callers::rename_used(&tree, text, &mut functions);
    functions.values().flatten().for_each(|definition| lines.delete(*definition));
    edits.extend(lines.into_edits());
    // A use inside of deleted text needs no renaming, and edits must not overlap.
    renames.retain(|(name, _)| !edits.iter().any(|(gone, _)| gone.contains(&name.start)));
    edits.extend(renames);
    edits.sort_by_key(|(range, _)| range.start);
    Ok(edits)
}

/// How each test can be weakened without deleting it.
pub(super) fn means(text: &str, tests: &[BrokenTest<'_>]) -> Vec<Means> {
    let Some(tree) = GRAMMAR.parse(text) else { return vec![Means::default(); tests.len()] };
    let definitions = Definitions::of(&tree, text);
    let means = |test: &BrokenTest<'_>| {
        let Ok(Origin::Defined([only])) = definitions.find(&test.classes, test.function) else {
            return Means::default();
        };
        let cases = test.cases.as_ref();
        Means {
            cases: cases.is_some_and(|cases| cases::dropping(text, *only, cases).is_some()),
            assertions: Assertions::of(text, *only).forms(text),
        }
    };
    tests.iter().map(means).collect()
}

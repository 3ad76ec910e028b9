//! Taking tests out of pytest and unittest files.

mod assertions;
mod callers;
mod cases;
mod claim;
mod definitions;
mod lines;
mod loosen;

use std::collections::HashMap;

use crate::NotFound;
use crate::weaken::{Means, Plan, Request, Weakened};

use super::grammar::GRAMMAR;
use assertions::Assertions;
use definitions::{Definitions, Origin};
use lines::Lines;

pub(super) fn weaken(text: &str, requests: &[Request<'_>]) -> Weakened {
    let lost = |reason| (0..requests.len()).map(|index| (index, reason)).collect();
    let Some(tree) = GRAMMAR.parse(text) else { return Err(lost(NotFound::Function)) };
    let definitions = Definitions::of(&tree, text);
    let mut lines = Lines::new(text);
    let mut edits = Vec::new();
    let mut functions = HashMap::new();
    let mut missing = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let found = match definitions.find(&request.classes, request.function) {
            Ok(Origin::Defined(found)) => found,
            Ok(Origin::Inherited { body, from }) => {
                // Where the definition goes, what is inherited from it goes as well.
                let goes = |other: &Request<'_>| {
                    from.as_deref().is_some_and(|class| other.classes == [class])
                        && other.function == request.function
                        && other.cases.is_none()
                        && other.plan == Plan::Delete
                };
                if !requests.iter().any(goes) {
                    lines.append(body, &format!("{} = None", request.function));
                }
                continue;
            }
            Err(reason) => {
                missing.push((index, reason));
                continue;
            }
        };
        // Of several definitions the last one counts, and deleting it would revive the one before.
        if let ([only], Some(wanted)) = (found, &request.cases)
            && let Some(dropped) = cases::dropping(text, *only, wanted)
        {
            edits.extend(dropped);
            continue;
        }
        if let [only] = found
            && let Some(loosened) =
                Assertions::of(text, *only).weaken(text, &request.plan, &mut lines)
        {
            edits.extend(loosened);
            continue;
        }
        if request.classes.is_empty() {
            functions.insert(request.function, found.to_vec());
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
    // A name in a deleted assertion or case needs no new one.
    renames.retain(|(name, _)| !edits.iter().any(|(gone, _)| gone.contains(&name.start)));
    edits.extend(renames);
    edits.sort_by_key(|(range, _)| range.start);
    Ok(edits)
}

pub(super) fn means(text: &str, requests: &[Request<'_>]) -> Vec<Means> {
    let Some(tree) = GRAMMAR.parse(text) else { return vec![Means::default(); requests.len()] };
    let definitions = Definitions::of(&tree, text);
    let means = |request: &Request<'_>| {
        let Ok(Origin::Defined([only])) = definitions.find(&request.classes, request.function)
        else {
            return Means::default();
        };
        let cases = request.cases.as_ref();
        Means {
            cases: cases.is_some_and(|cases| cases::dropping(text, *only, cases).is_some()),
            assertions: Assertions::of(text, *only).forms(text),
        }
    };
    requests.iter().map(means).collect()
}

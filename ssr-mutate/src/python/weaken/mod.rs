//! Taking tests out of pytest and unittest files.

mod assertions;
mod callers;
mod cases;
mod definitions;
mod lines;

use std::collections::HashMap;

use crate::NotFound;
use crate::weaken::{Request, Weakened};

use super::grammar::GRAMMAR;
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
                        && !other.assertions
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
        if let ([only], true) = (found, request.assertions)
            && assertions::delete(text, *only, &mut lines)
        {
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

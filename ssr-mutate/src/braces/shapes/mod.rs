//! The operators without their examples, one file for each family.

mod arguments;
mod arithmetic;
mod caching;
mod concurrency;
mod constants;
mod control_flow;
mod data_flow;
mod exceptions;
mod iteration;
mod locks;
mod names;
mod object_model;
mod relational;
mod returns;
mod state;
mod types;

use tree_sitter::Node;

use super::Shape;
use super::grammar::Kind;
use super::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) use arguments::{ARD, ARS, ELR, FWD};
pub(crate) use arithmetic::{AOD, AOR, ASR, AUA, BWR, OSW, UOD};
pub(crate) use caching::{CIV, CKD};
pub(crate) use concurrency::{ASY, AWD, CVN, JND};
pub(crate) use constants::{BLR, CRP, IDX, RNG, SLB, STR};
pub(crate) use control_flow::{BCS, ELD, GRD, IFD, IFS, OIL, SSW, TER, ZIL};
pub(crate) use data_flow::{ASD, ASN};
pub(crate) use exceptions::{EXN, EXS, EXW, FND, RLK, RSD, TRU};
pub(crate) use iteration::{CFD, FNS, GDI, MSW};
pub(crate) use locks::{LKD, LKN, LKO, LKR};
pub(crate) use names::{AAD, AAU, VMI, WCR, WFN};
pub(crate) use object_model::{BCR, DDL, IOD, SCL, SUP};
pub(crate) use relational::{CDL, CNI, IEQ, LCR, MNR, NOD, RBR, ROR};
pub(crate) use returns::RTV;
pub(crate) use state::{CLV, CPD, SFD};
pub(crate) use types::{ISN, NCK, TCD, TCS, TVF};

type Find = for<'t> fn(&mut Walk<'t, '_>, Node<'t>);

const fn shape(
    id: &'static str,
    family: Family,
    difficulty: Difficulty,
    description: &'static str,
    kinds: &'static [Kind],
    find: Find,
) -> Shape {
    Shape { id, family, difficulty, description, structural: false, kinds, find }
}

/// The same for an operator whose edits need a syntax check.
const fn structural(shape: Shape) -> Shape {
    Shape { structural: true, ..shape }
}

/// Whether the text contains a comment, which could comment out code that an edit puts after it.
fn has_comment(text: &str) -> bool {
    text.contains("//") || text.contains("/*")
}

/// The text as an operand, in parentheses where precedence may require them.
fn operand<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> String {
    let text = walk.text(node);
    if walk.kind(node).is_primary() { text.to_owned() } else { format!("({text})") }
}

/// The counterpart of a word in a list of pairs.
fn opposite(pairs: &[(&'static str, &'static str)], word: &str) -> Option<&'static str> {
    pairs.iter().find_map(|(a, b)| match word {
        word if word == *a => Some(*b),
        word if word == *b => Some(*a),
        _ => None,
    })
}

//! How often each operator is drawn, from counts of real bug fixes.

use crate::Operator;

impl Operator {
    /// How often real bug fixes repair the mistake that this operator makes, in per mille of all
    /// single-statement fixes. Within a [family](crate::Family::weight), operators are drawn in
    /// proportion to it.
    ///
    /// The numbers are those of the inverse fixes in TSSB-3M (Richter and Wehrheim, 2022): a fix
    /// that adds a missing argument counts for the operator that drops an argument.
    ///
    /// | operators | TSSB-3M classes | ‰ |
    /// |---|---|---|
    /// | `VMI` | identifier 164, binary operand ⅔ of 121 | 245 |
    /// | `ARD` | missing argument 104, extra argument 35, keyword 14 | 153 |
    /// | `FWD` | wrapper call 81, missing method call 42 | 123 |
    /// | `WFN` | function name 93 | 93 |
    /// | `AAU` | attribute 72 | 72 |
    /// | `ELR` | list element 40 | 40 |
    /// | `AAD` | missing attribute access 22 | 22 |
    /// | `WCR` | caller 17 | 17 |
    /// | `ARS` | swapped arguments 6 | 6 |
    /// | `CRP`, `IDX`, `SLB`, `RNG` | numeric literal 67 and binary operand ⅓ of 121, evenly | 27 each |
    /// | `BLR` | boolean 26 | 26 |
    /// | `CDL` | more specific if 47, less specific if 15 | 62 |
    /// | `RBR`, `ROR`, `LCR`, `MNR`, `IEQ` | half of binary operator 20, evenly | 2 each |
    /// | `NOD`, `CNI` | half of unary 10, evenly | 3 each |
    ///
    /// An operator without a class there has the weight 15, the minimum that families without a
    /// class have. In such a family all operators have the same weight. The share of a family does
    /// not depend on how many operators it has.
    #[must_use]
    pub fn weight(&self) -> u32 {
        match self.id {
            "VMI" => 245,
            "ARD" => 153,
            "FWD" => 123,
            "WFN" => 93,
            "AAU" => 72,
            "CDL" => 62,
            "ELR" => 40,
            "CRP" | "IDX" | "SLB" | "RNG" => 27,
            "BLR" => 26,
            "AAD" => 22,
            "WCR" => 17,
            "ARS" => 6,
            "NOD" | "CNI" => 3,
            "RBR" | "ROR" | "LCR" | "MNR" | "IEQ" => 2,
            _ => 15,
        }
    }
}

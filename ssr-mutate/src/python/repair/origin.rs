//! Where proposed repairs come from, and how often each kind of them undoes a bug.

use crate::python::OPERATORS;

macro_rules! origins {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $weight:literal;)*) => {
        /// What an inverse restores, and from where.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(in crate::python) enum RepairOrigin { $($(#[$doc])* $variant,)* }

        impl RepairOrigin {
            const ALL: &[(Self, &str, f32)] = &[$((Self::$variant, $name, $weight),)*];
        }
    };
}

origins! {
    /// A variable that nothing reads, in place of one that VMI puts there.
    UnreadName = "restore-unread-name", 0.089343;
    /// A variable in place of one that stands twice in the statement.
    RepeatedName = "restore-repeated-name", 0.024868;
    /// A variable in place of one that VMI puts there.
    Name = "restore-name", 0.011021;
    /// Another attribute in place of one that AAU puts there.
    Attribute = "restore-attribute", 0.007830;
    /// An attribute that other objects of the name have.
    ForeignAttribute = "restore-foreign-attribute", 0.001205;
    Callee = "restore-callee", 0.013881;
    ForeignCallee = "restore-foreign-callee", 0.000298;
    Receiver = "restore-receiver", 0.001126;
    UnreadReceiver = "restore-unread-receiver", 0.000870;
    /// An argument with a keyword that another call in the file gives.
    SiblingKeyword = "restore-sibling-keyword", 0.013900;
    /// The same in another file.
    FarKeyword = "restore-far-keyword", 0.004966;
    /// A keyword with the variable of the same name, for a parameter of the function.
    NamedKeyword = "restore-named-keyword", 0.000714;
    /// A keyword with a variable of its name that nothing reads.
    UnreadKeyword = "restore-unread-keyword", 0.001618;
    /// A keyword with a name that is passed on as others are.
    PassedKeyword = "restore-passed-keyword", 0.005000;
    /// A call of a function that nothing calls.
    UnusedCall = "restore-unused-call", 0.005000;
    /// A parameter with a value that calls elsewhere give it.
    KeywordValue = "restore-keyword-value", 0.001387;
    /// A keyword at another place among the arguments.
    KeywordElsewhere = "restore-keyword-elsewhere", 0.001556;
    SiblingArgument = "restore-sibling-argument", 0.029624;
    FarArgument = "restore-far-argument", 0.002768;
    NamedArgument = "restore-named-argument", 0.001389;
    UnreadArgument = "restore-unread-argument", 0.033693;
    LocalArgument = "restore-local-argument", 0.000578;
    OptionalArgument = "restore-optional-argument", 0.002444;
    /// A call that surrounds the same text elsewhere in the file.
    SameCall = "restore-same-call", 0.001279;
    /// The same in another file.
    FarSameCall = "restore-far-same-call", 0.000215;
    /// A call that is frequent in the file.
    FrequentCall = "restore-frequent-call", 0.000093;
    /// The same around a whole value that is assigned, returned or iterated over.
    FrequentCallOfWhole = "restore-frequent-call-of-whole", 0.000582;
    /// The same around an argument.
    FrequentCallOfArgument = "restore-frequent-call-of-argument", 0.000095;
    RareCallOfWhole = "restore-rare-call-of-whole", 0.000462;
    FarCallOfWhole = "restore-far-call-of-whole", 0.000263;
    /// A call that is frequent in the repository.
    FarFrequentCall = "restore-far-frequent-call", 0.000009;
    /// An attribute that is read from the same variable.
    SameMember = "restore-same-member", 0.000677;
    Await = "restore-await", 0.003906;
    Negation = "restore-negation", 0.000051;
    Sign = "restore-sign", 0.000286;
    PlainNegation = "restore-plain-condition", 0.009375;
    NoneCheck = "restore-none-check", 0.003646;
    SiblingClause = "restore-sibling-clause", 0.000052;
    /// A clause about a name of the condition.
    RelatedClause = "restore-related-clause", 0.000071;
    /// A check of what the condition uses: `x and x.y`.
    GuardClause = "restore-guard-clause", 0.000109;
    LocalClause = "restore-local-clause", 0.000056;
    MissingCheck = "restore-missing-check", 0.002806;
    Type = "restore-type", 0.000070;
    Arithmetic = "restore-arithmetic", 0.000560;
    Operand = "restore-operand", 0.000101;
    SiblingOperand = "restore-sibling-operand", 0.000191;
    Update = "restore-update", 0.001157;
    Accumulation = "restore-accumulation", 0.000174;
    Bound = "restore-bound", 0.071861;
    NewBound = "restore-new-bound", 0.016917;
    RangeStart = "restore-range-start", 0.061475;
    Typo = "restore-typo", 0.001246;
    SimilarText = "restore-similar-text", 0.001574;
    Width = "restore-width", 0.004950;
    SiblingElement = "restore-sibling-element", 0.007774;
    UnreadElement = "restore-unread-element", 0.000672;
    Returned = "restore-returned", 0.000484;
    Assigned = "restore-assigned", 0.000088;
    Iterable = "restore-iterable", 0.015258;
    Break = "restore-loop", 0.149573;
    WholeIterable = "restore-whole-iterable", 0.014423;
    SuperCall = "restore-super-call", 0.000290;
    Raise = "restore-raise", 0.004241;
    Statement = "restore-statement", 0.000868;
    Caught = "restore-caught", 0.005963;
    AlsoCaught = "restore-also-caught", 0.000056;
    Handler = "restore-handler", 0.002809;
    Decorator = "restore-decorator", 0.001494;
    Default = "restore-default", 0.004464;
    SelfTarget = "restore-self-target", 0.023481;
    SuperReceiver = "restore-super", 0.000568;
    Async = "restore-async", 0.002660;
    MappingGet = "restore-get", 0.002658;
    /// A line of the file that says more than this one.
    SimilarLine = "restore-similar-line", 0.003317;
    /// A line of the file that differs from this one in one place.
    ChangedLine = "restore-changed-line", 0.001599;
    FarSimilarLine = "restore-far-similar-line", 0.000188;
    FarChangedLine = "restore-far-changed-line", 0.000483;
    /// Lines that stand between the same neighbours elsewhere.
    LinesBetween = "restore-lines-between", 0.016408;
    FarLinesBetween = "restore-far-lines-between", 0.006137;
    NextLine = "restore-next-line", 0.000154;
    /// A value that the same target is assigned elsewhere.
    AssignedElsewhere = "restore-assigned-elsewhere", 0.006234;
    ReturnedElsewhere = "restore-returned-elsewhere", 0.001236;
    Negative = "restore-negative", 0.056386;
    /// A value that is used only where a name has one.
    Ternary = "restore-conditional", 0.000030;
    NamedPair = "restore-named-pair", 0.000703;
    Unshifted = "restore-unshifted", 0.015;
    Hexadecimal = "restore-hexadecimal", 0.01;
    Opposite = "restore-opposite", 0.024706;
    Codec = "restore-codec", 0.040541;
}

/// The weights of the operators' own edits, as far as they undo something.
const OWN: &[(&str, f32)] = &[
    ("AAU", 0.001129),
    ("AOD", 0.030284),
    ("AOR", 0.000653),
    ("ASR", 0.002326),
    ("BCS", 0.001873),
    ("BLR", 0.041765),
    ("BWR", 0.004274),
    ("CNI", 0.001188),
    ("CRP", 0.015306),
    ("FNS", 0.003205),
    ("GDI", 0.009887),
    ("IDX", 0.032513),
    ("IEQ", 0.001543),
    ("IFS", 0.007000),
    ("LCR", 0.003281),
    ("LKO", 0.005000),
    ("MNR", 0.000403),
    ("MSW", 0.008772),
    ("NOD", 0.005580),
    ("OSW", 0.002137),
    ("RBR", 0.060440),
    ("RNG", 0.004348),
    ("ROR", 0.015313),
    ("SLB", 0.001121),
    ("SSW", 0.013593),
    ("STR", 0.001634),
    ("SUP", 0.005000),
    ("TCS", 0.001852),
    ("TER", 0.022629),
    ("TVF", 0.000719),
    ("UOD", 0.001285),
    ("WCR", 0.003597),
    ("WFN", 0.001119),
];

/// The weight of an operator about which nothing is known.
const OTHER: f32 = 0.0001;

/// How often the edits of the operator undo a bug.
pub(super) fn weight_of(id: &str) -> f32 {
    OWN.iter().find(|(operator, _)| *operator == id).map_or(OTHER, |(_, weight)| *weight)
}

impl RepairOrigin {
    /// The number of the origin, after those of the operators.
    pub(in crate::python) fn number(self) -> usize {
        OPERATORS.len() + self as usize
    }

    pub(super) fn of_number(number: usize) -> Self {
        let (origin, ..) =
            Self::ALL[number.saturating_sub(OPERATORS.len()).min(Self::ALL.len() - 1)];
        origin
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// How often a proposal of this origin undoes a bug.
    pub(super) fn weight(self) -> f32 {
        Self::ALL[self as usize].2
    }
}

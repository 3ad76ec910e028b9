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
    UnreadName = "restore-unread-name", 0.3;
    /// A variable in place of one that stands twice in the statement.
    RepeatedName = "restore-repeated-name", 0.05;
    /// A variable in place of one that VMI puts there.
    Name = "restore-name", 0.02;
    /// Another attribute in place of one that AAU puts there.
    Attribute = "restore-attribute", 0.05;
    /// An attribute that other objects of the name have.
    ForeignAttribute = "restore-foreign-attribute", 0.01;
    Callee = "restore-callee", 0.05;
    ForeignCallee = "restore-foreign-callee", 0.01;
    Receiver = "restore-receiver", 0.03;
    UnreadReceiver = "restore-unread-receiver", 0.2;
    /// An argument with a keyword that another call in the file gives.
    SiblingKeyword = "restore-sibling-keyword", 0.05;
    /// The same in another file.
    FarKeyword = "restore-far-keyword", 0.02;
    /// A keyword with the variable of the same name, for a parameter of the function.
    NamedKeyword = "restore-named-keyword", 0.05;
    /// A keyword with a variable of its name that nothing reads.
    UnreadKeyword = "restore-unread-keyword", 0.1;
    /// A parameter with a value that calls elsewhere give it.
    KeywordValue = "restore-keyword-value", 0.01;
    /// A keyword at another place among the arguments.
    KeywordElsewhere = "restore-keyword-elsewhere", 0.003;
    SiblingArgument = "restore-sibling-argument", 0.05;
    FarArgument = "restore-far-argument", 0.01;
    NamedArgument = "restore-named-argument", 0.05;
    UnreadArgument = "restore-unread-argument", 0.1;
    LocalArgument = "restore-local-argument", 0.005;
    OptionalArgument = "restore-optional-argument", 0.02;
    /// A call that surrounds the same text elsewhere in the file.
    SameCall = "restore-same-call", 0.03;
    /// The same in another file.
    FarSameCall = "restore-far-same-call", 0.01;
    /// A call that is frequent in the file.
    FrequentCall = "restore-frequent-call", 0.004;
    /// The same around a whole value that is assigned, returned or iterated over.
    FrequentCallOfWhole = "restore-frequent-call-of-whole", 0.004;
    /// The same around an argument.
    FrequentCallOfArgument = "restore-frequent-call-of-argument", 0.002;
    RareCallOfWhole = "restore-rare-call-of-whole", 0.002;
    FarCallOfWhole = "restore-far-call-of-whole", 0.0005;
    /// A call that is frequent in the repository.
    FarFrequentCall = "restore-far-frequent-call", 0.001;
    /// An attribute that is read from the same variable.
    SameMember = "restore-same-member", 0.01;
    Await = "restore-await", 0.2;
    Negation = "restore-negation", 0.01;
    Sign = "restore-sign", 0.002;
    PlainNegation = "restore-plain-condition", 0.05;
    NoneCheck = "restore-none-check", 0.03;
    SiblingClause = "restore-sibling-clause", 0.005;
    /// A clause about a name of the condition.
    RelatedClause = "restore-related-clause", 0.002;
    /// A check of what the condition uses: `x and x.y`.
    GuardClause = "restore-guard-clause", 0.005;
    LocalClause = "restore-local-clause", 0.003;
    MissingCheck = "restore-missing-check", 0.004;
    Type = "restore-type", 0.02;
    Arithmetic = "restore-arithmetic", 0.02;
    Operand = "restore-operand", 0.004;
    SiblingOperand = "restore-sibling-operand", 0.01;
    Update = "restore-update", 0.02;
    Accumulation = "restore-accumulation", 0.03;
    Bound = "restore-bound", 0.03;
    NewBound = "restore-new-bound", 0.01;
    RangeStart = "restore-range-start", 0.05;
    Typo = "restore-typo", 0.05;
    SimilarText = "restore-similar-text", 0.05;
    Width = "restore-width", 0.1;
    SiblingElement = "restore-sibling-element", 0.02;
    UnreadElement = "restore-unread-element", 0.05;
    Returned = "restore-returned", 0.05;
    Assigned = "restore-assigned", 0.01;
    Iterable = "restore-iterable", 0.05;
    Break = "restore-loop", 0.2;
    WholeIterable = "restore-whole-iterable", 0.1;
    SuperCall = "restore-super-call", 0.05;
    Raise = "restore-raise", 0.02;
    Statement = "restore-statement", 0.003;
    Caught = "restore-caught", 0.05;
    AlsoCaught = "restore-also-caught", 0.01;
    Handler = "restore-handler", 0.02;
    Decorator = "restore-decorator", 0.02;
    Default = "restore-default", 0.1;
    SelfTarget = "restore-self-target", 0.05;
    SuperReceiver = "restore-super", 0.05;
    Async = "restore-async", 0.03;
    MappingGet = "restore-get", 0.01;
    /// A line of the file that says more than this one.
    SimilarLine = "restore-similar-line", 0.03;
    /// A line of the file that differs from this one in one place.
    ChangedLine = "restore-changed-line", 0.01;
    FarSimilarLine = "restore-far-similar-line", 0.01;
    FarChangedLine = "restore-far-changed-line", 0.003;
    /// Lines that stand between the same neighbours elsewhere.
    LinesBetween = "restore-lines-between", 0.05;
    FarLinesBetween = "restore-far-lines-between", 0.02;
    NextLine = "restore-next-line", 0.003;
    /// A value that the same target is assigned elsewhere.
    AssignedElsewhere = "restore-assigned-elsewhere", 0.03;
    ReturnedElsewhere = "restore-returned-elsewhere", 0.01;
    Negative = "restore-negative", 0.02;
    /// A value that is used only where a name has one.
    Ternary = "restore-conditional", 0.002;
    NamedPair = "restore-named-pair", 0.01;
    Opposite = "restore-opposite", 0.05;
    Codec = "restore-codec", 0.1;
}

/// The weights of the operators' own edits, as far as they undo something.
const OWN: &[(&str, f32)] = &[("AOR", 0.02)];

/// The weight of an operator about which nothing is known.
const OTHER: f32 = 0.001;

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

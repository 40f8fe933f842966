//! Stable codes of findings. A number is never given to another meaning; new ones are appended.

use std::fmt;

use crate::diagnostic::Severity;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal),+ $(,)?) => {
        /// What kind of finding; printed as `EDGE-0007`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name = $number),+ }

        impl Code {
            /// Every code, in order of number.
            pub const ALL: &'static [Code] = &[$(Code::$name),+];
        }
    };
}

codes! {
    /// The bytes are not UTF-8.
    NotUtf8 = 1,
    /// The file is longer than the reader accepts.
    TooLong = 2,
    /// Nothing but blanks and comments.
    Empty = 3,
    /// Not YAML.
    Syntax = 4,
    /// A tab where YAML wants spaces.
    Tab = 5,
    /// A control character.
    ControlCharacter = 6,
    /// An anchor or an alias.
    Alias = 7,
    /// A merge key.
    MergeKey = 8,
    /// More than one document.
    Documents = 9,
    /// Nested too deep, or too many values.
    TooDeep = 10,
    /// The same key twice in one map.
    DuplicateKey = 11,
    /// A YAML tag.
    Tag = 12,
    /// A key that the map does not have.
    UnknownKey = 20,
    /// A required key is absent.
    MissingKey = 21,
    /// A list where a word belongs, and the like.
    WrongType = 22,
    /// A number without a unit.
    NoUnit = 23,
    /// A unit of something else, or of nothing.
    UnknownUnit = 24,
    /// Text where a number belongs.
    NotANumber = 25,
    /// A word that is not one of the choices.
    UnknownWord = 26,
    /// A list without entries.
    EmptyList = 27,
    /// A key without a value.
    NoValue = 28,
    /// A name with characters that names cannot have.
    BadName = 29,
    /// A quantity outside its range.
    OutOfRange = 30,
    /// A count outside its range.
    BadCount = 31,
    /// A range that is not `1..2`, or runs backwards.
    BadRange = 32,
    /// No such device in the catalogue.
    UnknownProfile = 40,
    /// No such model in the catalogue.
    UnknownModel = 41,
    /// No such link kind in the catalogue.
    UnknownLink = 42,
    /// No model of the catalogue was measured on this benchmark.
    UnknownBenchmark = 43,
    /// Not a number format.
    UnknownPrecision = 44,
    /// No such site in the file.
    UnknownSite = 45,
    /// No such device in the file.
    UnknownDevice = 46,
    /// No such service in the file.
    UnknownService = 47,
    /// The device's profile has no such power mode.
    UnknownMode = 48,
    /// Two things of one name.
    DuplicateName = 49,
    /// The same entry twice in a list.
    Repeated = 50,
    /// A profile file that cannot be read.
    ProfileFile = 51,
    /// One device is meant, a group of several is named.
    GroupName = 52,
    /// A link from a thing to itself.
    LinkToItself = 60,
    /// Two links between the same ends.
    SecondLink = 61,
    /// Devices that a service needs together have no link.
    Unreachable = 62,
    /// Devices that host each other in a ring.
    HostCycle = 63,
    /// Pinned to a device that the same service forbids.
    PinnedForbidden = 64,
    /// A service apart from itself.
    ApartFromItself = 65,
    /// The first block is bound to devices that are all forbidden.
    PrivateForbidden = 66,
    /// Every device is forbidden.
    NoDeviceLeft = 67,
    /// No candidate was measured on the floor's benchmark.
    NoQuality = 68,
    /// No candidate model exists at this precision.
    NoSuchPrecision = 69,
    /// A part of the deadline is longer than the whole.
    DeadlineOrder = 70,
    /// More replicas than devices.
    TooManyReplicas = 71,
    /// Models of different kinds in one service.
    MixedKinds = 73,
    /// A length in a unit that the models do not count in.
    WrongLength = 74,
    /// Neither or both of `profile` and `profile_file`.
    OneProfile = 75,
    /// Prompt and answer are longer than every candidate's context.
    ContextTooShort = 76,
    /// Two keys that contradict each other.
    Contradiction = 77,
    /// An override that does not say which part it means.
    AmbiguousOverride = 78,
    /// An expectation that is no such sentence.
    BadExpectation = 79,
    /// Two devices that cannot compute layers together.
    NoPair = 80,
    /// Two processors of a device that cannot compute layers together.
    NotTogether = 81,
    /// A site without devices.
    UnusedSite = 101,
    /// A deadline without a percentile.
    NoPercentile = 102,
    /// A candidate that can never be chosen.
    IdleCandidate = 103,
    /// A service without a deadline.
    NoDeadline = 104,
    /// No candidate reaches the floor with one sample.
    FloorAboveAll = 105,
    /// A setting without effect.
    NoEffect = 106,
}

impl Code {
    /// Codes from 100 are warnings.
    #[must_use]
    pub fn severity(self) -> Severity {
        if (self as u16) < 100 { Severity::Error } else { Severity::Warning }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EDGE-{:04}", *self as u16)
    }
}

//! The five fields of a schedule as sets of numbers.

/// Which numbers of a field activate. Bit 63 says that the field was `*` or `?`, which matters for the two fields of
/// days: only when neither has a star does either of them suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set(u64);

const STAR: u64 = 1 << 63;

impl Set {
    /// No number.
    pub(crate) const NONE: Self = Self(0);

    /// The numbers from `low` to `high` in steps. `step` is not zero.
    pub(crate) fn range(low: u32, high: u32, step: u32) -> Self {
        let numbers = (low..=high).step_by(step as usize);
        Self(numbers.fold(0, |bits, number| bits | 1 << number))
    }

    /// All numbers of a field, said with a star.
    pub(crate) fn all(bounds: &Bounds) -> Self {
        Self::range(bounds.min, bounds.max, 1).starred()
    }

    /// One number.
    pub(crate) fn one(number: u32) -> Self {
        Self(1 << number)
    }

    /// The same numbers, said with a star.
    pub(crate) fn starred(self) -> Self {
        Self(self.0 | STAR)
    }

    /// The numbers of both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn has(self, number: u32) -> bool {
        self.0 & 1 << number != 0
    }

    pub(crate) fn is_starred(self) -> bool {
        self.0 & STAR != 0
    }

    /// Whether nothing is in it: the field was `,`.
    pub(crate) fn is_empty(self) -> bool {
        self.0 & !STAR == 0
    }
}

/// What may stand in a field.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// Names in place of numbers, the first for `min`.
    pub(crate) names: &'static [&'static str],
}

pub(crate) const MINUTES: Bounds = Bounds { min: 0, max: 59, names: &[] };
pub(crate) const HOURS: Bounds = Bounds { min: 0, max: 23, names: &[] };
pub(crate) const DAYS: Bounds = Bounds { min: 1, max: 31, names: &[] };
pub(crate) const MONTHS: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Sunday is 0; unlike elsewhere, 7 is not.
pub(crate) const WEEKDAYS: Bounds =
    Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// A schedule of five fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) minutes: Set,
    pub(crate) hours: Set,
    pub(crate) days: Set,
    pub(crate) months: Set,
    pub(crate) weekdays: Set,
}

impl Fields {
    /// Whether a day activates.
    pub(crate) fn has_day(&self, day: u32, weekday: u32) -> bool {
        let (by_day, by_weekday) = (self.days.has(day), self.weekdays.has(weekday));
        if self.days.is_starred() || self.weekdays.is_starred() { by_day && by_weekday } else { by_day || by_weekday }
    }
}

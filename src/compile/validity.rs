//! From what each release says of a code to the times in which it was what.
//!
//! A release's statements hold from its date until the next release of the same system; the last one holds to its own end, if it has
//! one. A code that a release does not list is none while that release holds.
//!
//! ICD-10-CM changes within its year too, in April and once in January, and its releases do not tell: a code that came into force in April
//! 2020 is first listed by the release of October 2020, one of January 2021 by that of October 2020 as published again. The conversion table
//! has the days, and [`began`] and [`turn`] put them right.

use crate::model::{Date, Status, Validity};

/// From and to, both included; `None`: without bound.
type Bounds = (Option<Date>, Option<Date>);
/// The time that a release speaks for; `None`: a later release speaks for all of it.
pub(super) type Period = Option<Bounds>;

/// The time of each release, the releases sorted by date.
pub(super) fn periods(releases: &[Bounds]) -> Vec<Period> {
    (0..releases.len())
        .map(|i| {
            let (from, own_end) = releases[i];
            match releases.get(i + 1) {
                // Releases without dates say nothing of time: the newest one counts.
                Some((None, _)) => None,
                Some((next, _)) if *next == from => None,
                Some((Some(next), _)) => Some((from, next.yesterday().ok())),
                None => Some((from, own_end)),
            }
        })
        .collect()
}

/// The intervals of one code: `statuses` by release, in the order of `periods`. Neighbours that say the same become one.
pub(super) fn intervals(periods: &[Period], status_of: impl Fn(usize) -> Option<Status>) -> Vec<Validity> {
    let mut all: Vec<Validity> = Vec::new();
    let mut open = false;
    for (i, period) in periods.iter().enumerate() {
        let Some((from, to)) = *period else { continue };
        match status_of(i) {
            Some(status) => {
                match all.last_mut() {
                    Some(last) if open && last.status == status => last.to = to,
                    _ => all.push(Validity { from, to, status }),
                }
                open = true;
            }
            None => open = false,
        }
    }
    all
}

/// The day of the release that a code's first interval begins with, if the code can have come into force on `day` instead: after the release
/// before it spoke, or within its own release's year.
pub(super) fn began(periods: &[Period], first: &Validity, day: Date) -> Option<Date> {
    let from = first.from.filter(|_| first.status == Status::Valid)?;
    let at = periods.iter().position(|period| matches!(period, Some((Some(begin), _)) if *begin == from))?;
    let before = periods[..at].iter().rev().flatten().next().and_then(|(begin, _)| *begin);
    let year_after = from.with().year(from.year() + 1).build().ok()?;
    let own_end = periods[at].and_then(|(_, end)| end);
    let since_the_one_before = before.is_some_and(|before| before < day) && day < from;
    let in_its_own_year = from < day && day < year_after && own_end.is_none_or(|end| day <= end);
    (since_the_one_before || in_its_own_year).then_some(from)
}

/// A code that a release made a header of new codes became it on the day on which these came into force.
pub(super) fn turn(intervals: &mut [Validity], release: Date, day: Date) {
    let is_turn = |pair: &[Validity]| {
        let [was, is] = pair else { return false };
        let (was_valid, is_header) = (was.status == Status::Valid, is.status == Status::Header);
        was_valid && is_header && is.from == Some(release) && was.from < Some(day) && is.to.is_none_or(|to| day <= to)
    };
    if let Some(at) = intervals.windows(2).position(is_turn) {
        intervals[at].to = day.yesterday().ok();
        intervals[at + 1].from = Some(day);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Option<Date> {
        text.parse().ok()
    }

    #[test]
    fn a_release_holds_until_the_next_one() {
        let releases = [(date("2016-10-01"), None), (date("2017-10-01"), date("2018-09-30")), (date("2019-10-01"), None)];
        let periods = periods(&releases);
        let statuses = [Some(Status::Valid), Some(Status::Header), None];
        let got = intervals(&periods, |i| statuses[i]);
        assert_eq!(
            got,
            [
                Validity { from: date("2016-10-01"), to: date("2017-09-30"), status: Status::Valid },
                Validity { from: date("2017-10-01"), to: date("2019-09-30"), status: Status::Header },
            ]
        );
        let again = intervals(&periods, |i| (i != 1).then_some(Status::Valid));
        assert_eq!(again.len(), 2, "a gap is kept");
        assert_eq!(again[1], Validity { from: date("2019-10-01"), to: None, status: Status::Valid });
    }

    #[test]
    fn of_two_releases_of_one_day_the_later_counts() {
        let releases = [(date("2025-10-01"), None), (date("2025-10-01"), None)];
        let got = intervals(&periods(&releases), |i| (i == 1).then_some(Status::Valid));
        assert_eq!(got, [Validity { from: date("2025-10-01"), to: None, status: Status::Valid }]);
    }

    #[test]
    fn codes_of_april_and_january() {
        let releases = ["2019-10-01", "2020-10-01", "2021-10-01"].map(|day| (date(day), None));
        let periods = periods(&releases);
        let first = |from: &str, status| Validity { from: date(from), to: None, status };
        for (from, day, expected) in [
            ("2020-10-01", "2020-04-01", date("2020-10-01")),
            ("2020-10-01", "2021-01-01", date("2020-10-01")),
            ("2021-10-01", "2022-04-01", date("2021-10-01")),
            // As the release says, before the release before it, beyond its own time, and before all releases.
            ("2020-10-01", "2020-10-01", None),
            ("2020-10-01", "2019-04-01", None),
            ("2020-10-01", "2021-10-01", None),
            ("2021-10-01", "2023-04-01", None),
            ("2019-10-01", "2019-04-01", None),
        ] {
            assert_eq!(began(&periods, &first(from, Status::Valid), day.parse().unwrap()), expected, "{from} {day}");
        }
        assert_eq!(began(&periods, &first("2020-10-01", Status::Header), "2020-04-01".parse().unwrap()), None);
        let mut intervals = [
            Validity { from: date("2013-10-01"), to: date("2020-09-30"), status: Status::Valid },
            Validity { from: date("2020-10-01"), to: None, status: Status::Header },
        ];
        turn(&mut intervals, "2020-10-01".parse().unwrap(), "2021-01-01".parse().unwrap());
        assert_eq!((intervals[0].to, intervals[1].from), (date("2020-12-31"), date("2021-01-01")));
        let turned = intervals;
        turn(&mut intervals, "2020-10-01".parse().unwrap(), "2020-04-01".parse().unwrap());
        assert_eq!(intervals, turned, "another release");
    }
}

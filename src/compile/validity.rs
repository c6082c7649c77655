//! From what each release says of a code to the times in which it was what.
//!
//! A release's statements hold from its date until the next release of the same system; the last one holds to its own end, if it has
//! one. A code that a release does not list is none while that release holds.

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
}

//! How well two coders agree who did not see each other's work.

use super::Error;
use super::rows;
use super::store::Store;
use std::collections::HashMap;

/// Agreement over the items that two people coded blind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    pub items: u64,
    pub same: u64,
    /// Cohen's kappa over the whole answers (all codes of it, or *no map*); `None` without items, and where chance alone would agree
    /// always.
    ///
    /// J. Cohen, *A coefficient of agreement for nominal scales*, Educational and Psychological Measurement 20 (1960) 37-46. Each answer
    /// is a category; with many of them agreement by chance is rare and kappa is close to the share of agreement.
    pub kappa: Option<f64>,
}

impl Agreement {
    /// Same answers of all answers, 0 to 1; `None` without items.
    pub fn share(&self) -> Option<f64> {
        (self.items > 0).then(|| self.same as f64 / self.items as f64)
    }

    /// Over pairs of answers to the same questions.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Agreement {
        let mut agreement = Agreement::default();
        let mut by_answer: HashMap<&str, [u64; 2]> = HashMap::new();
        for (first, second) in pairs {
            agreement.items += 1;
            agreement.same += u64::from(first == second);
            by_answer.entry(first).or_default()[0] += 1;
            by_answer.entry(second).or_default()[1] += 1;
        }
        let n = agreement.items as f64;
        if agreement.items > 0 {
            let by_chance: f64 = by_answer.values().map(|[a, b]| (*a as f64 / n) * (*b as f64 / n)).sum();
            let observed = agreement.same as f64 / n;
            agreement.kappa = (by_chance < 1.0).then(|| (observed - by_chance) / (1.0 - by_chance));
        }
        agreement
    }
}

impl Store {
    /// Agreement of all items that were coded twice.
    pub fn agreement(&self) -> Result<Agreement, Error> {
        let query = format!(
            "SELECT {}, {} FROM item WHERE first_coding IS NOT NULL AND second_coding IS NOT NULL",
            rows::key_of("first_coding"),
            rows::key_of("second_coding")
        );
        self.reading(|c| {
            let mut statement = c.prepare_cached(&query)?;
            let pairs = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<Vec<(String, String)>, _>>()?;
            Ok(Agreement::of(pairs.iter().map(|(a, b)| (a.as_str(), b.as_str()))))
        })
    }

    /// Who has answered and approved how much, of what stands now; those with the most answers first.
    pub fn workload(&self) -> Result<Vec<Workload>, Error> {
        self.reading(|c| {
            let mut statement = c.prepare_cached(
                "SELECT who, sum(answers), CAST(total(records) AS INTEGER), sum(approvals) FROM ( \
                 SELECT author AS who, count(*) AS answers, total(records) AS records, 0 AS approvals FROM item WHERE author <> '' GROUP BY 1 \
                 UNION ALL SELECT approver, 0, 0, count(*) FROM item WHERE approver <> '' GROUP BY 1) GROUP BY 1 ORDER BY 2 DESC, 1",
            )?;
            let rows = statement.query_map([], |r| {
                Ok(Workload { who: r.get(0)?, answers: rows::count(r, 1)?, records: rows::count(r, 2)?, approvals: rows::count(r, 3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// What one person has done of what stands now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    pub who: String,
    pub answers: u64,
    /// That these answers settle once they are approved.
    pub records: u64,
    pub approvals: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kappa_of_the_textbook() {
        // Two raters, 50 cases: both yes 20, both no 15, yes/no 5, no/yes 10; observed .70, by chance .50, kappa .40.
        let pairs = [(("y", "y"), 20), (("n", "n"), 15), (("y", "n"), 5), (("n", "y"), 10)];
        let all = pairs.iter().flat_map(|(pair, times)| std::iter::repeat_n(*pair, *times));
        let agreement = Agreement::of(all);
        assert_eq!((agreement.items, agreement.same), (50, 35));
        assert!((agreement.kappa.unwrap() - 0.4).abs() < 1e-12);
    }

    #[test]
    fn no_kappa_where_chance_agrees_always() {
        assert_eq!(Agreement::of([("y", "y"), ("y", "y")]).kappa, None);
        assert_eq!(Agreement::of([]).share(), None);
    }
}

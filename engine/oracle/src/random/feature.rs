//! What made-up queries may be made of.

use std::fmt;
use std::str::FromStr;

/// The parts of the dialect, each with the name that it is chosen by.
macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident = $name:literal,)*) => {
        /// A part of the dialect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Feature {
            $($(#[$doc])* $feature,)*
        }

        impl Feature {
            /// Every feature.
            pub const ALL: &[Feature] = &[$(Feature::$feature),*];

            fn name(self) -> &'static str {
                match self {
                    $(Feature::$feature => $name,)*
                }
            }
        }
    };
}

features! {
    /// `GROUP BY tumble(…)` and `hop(…)`.
    Windows = "windows",
    /// `GROUP BY session(…)`.
    Sessions = "sessions",
    /// `GROUP BY cumulate(…)`.
    Cumulate = "cumulate",
    /// `ROW_NUMBER`, `RANK`, `DENSE_RANK` and aggregates `OVER` the rows of a window.
    WindowRanking = "window-ranking",
    /// `UNION ALL`.
    UnionAll = "union-all",
    /// `GROUP BY` without a window, and aggregates over everything.
    Aggregates = "aggregates",
    /// `INNER JOIN`.
    Joins = "joins",
    /// `LEFT`, `RIGHT` and `FULL JOIN`.
    OuterJoins = "outer-joins",
    /// `IN`, `EXISTS` and their negations.
    Subqueries = "subqueries",
    /// Joins of windowed rows on their window.
    WindowJoins = "window-joins",
    /// Joins of rows whose times are near each other.
    IntervalJoins = "interval-joins",
    /// `ROW_NUMBER` and the like over all rows of a key, without a window.
    KeyRanking = "key-ranking",
    /// `SELECT DISTINCT` and `UNION`.
    Distinct = "distinct",
    /// `INTERSECT` and `EXCEPT`, also with `ALL`.
    SetOperations = "set-operations",
    /// `FROM TUMBLE(TABLE …)` and its like.
    WindowTables = "window-tables",
    /// `JOIN … FOR SYSTEM_TIME AS OF …`.
    TemporalJoins = "temporal-joins",
    /// `EMIT CHANGES` and `EMIT ON WINDOW CLOSE`.
    Emit = "emit",
    /// Tables that are changelogs.
    Changelogs = "changelogs",
    /// `GROUPING SETS`, `ROLLUP` and `CUBE`, also beside a window.
    GroupingSets = "grouping-sets",
    /// A query in the place of a value.
    ScalarQueries = "scalar-queries",
    /// `unnest` of lists.
    Unnest = "unnest",
    /// `LAG`, `NTILE`, `SUM … ROWS` and their like over the rows of a window.
    WindowFunctions = "window-functions",
    /// JSON in text.
    Json = "json",
    /// `ORDER BY … LIMIT` at the top.
    OrderLimit = "order-limit",
    /// Tables without a connector.
    MemoryTables = "memory-tables",
    /// `allowed_lateness`, and rows that make use of it.
    Lateness = "lateness",
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Feature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Feature::ALL.iter().copied().find(|feature| feature.name() == text);
        let names = || Feature::ALL.iter().map(|feature| feature.name()).collect::<Vec<_>>();
        found.ok_or_else(|| format!("use {}", names().join(", ")))
    }
}

//! What made-up queries may be made of.

use std::fmt;
use std::str::FromStr;

/// A part of the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// `GROUP BY tumble(…)` and `hop(…)`.
    Windows,
    /// `GROUP BY session(…)`.
    Sessions,
    /// `GROUP BY cumulate(…)`.
    Cumulate,
    /// `ROW_NUMBER`, `RANK`, `DENSE_RANK` and aggregates `OVER` the rows of a window.
    WindowRanking,
    /// `UNION ALL`.
    UnionAll,
    /// `GROUP BY` without a window, and aggregates over everything.
    Aggregates,
    /// `INNER JOIN`.
    Joins,
    /// `LEFT`, `RIGHT` and `FULL JOIN`.
    OuterJoins,
    /// `IN`, `EXISTS` and their negations.
    Subqueries,
    /// Joins of windowed rows on their window.
    WindowJoins,
    /// Joins of rows whose times are near each other.
    IntervalJoins,
    /// `ROW_NUMBER` and the like over all rows of a key, without a window.
    KeyRanking,
    /// `SELECT DISTINCT` and `UNION`.
    Distinct,
    /// `INTERSECT` and `EXCEPT`, also with `ALL`.
    SetOperations,
    /// `FROM TUMBLE(TABLE …)` and its like.
    WindowTables,
    /// `JOIN … FOR SYSTEM_TIME AS OF …`.
    TemporalJoins,
    /// `EMIT CHANGES` and `EMIT ON WINDOW CLOSE`.
    Emit,
    /// Tables that are changelogs.
    Changelogs,
    /// `GROUPING SETS`, `ROLLUP` and `CUBE`, also beside a window.
    GroupingSets,
    /// A query in the place of a value.
    ScalarQueries,
    /// `unnest` of lists.
    Unnest,
    /// `LAG`, `NTILE`, `SUM … ROWS` and their like over the rows of a window.
    WindowFunctions,
    /// JSON in text.
    Json,
    /// `ORDER BY … LIMIT` at the top.
    OrderLimit,
    /// Tables without a connector.
    MemoryTables,
    /// `allowed_lateness`, and rows that make use of it.
    Lateness,
}

use Feature::*;

impl Feature {
    /// Every feature.
    pub const ALL: [Feature; 26] = [
        Windows,
        Sessions,
        Cumulate,
        WindowRanking,
        UnionAll,
        Aggregates,
        Joins,
        OuterJoins,
        Subqueries,
        WindowJoins,
        IntervalJoins,
        KeyRanking,
        Distinct,
        SetOperations,
        WindowTables,
        TemporalJoins,
        Emit,
        Changelogs,
        GroupingSets,
        ScalarQueries,
        Unnest,
        WindowFunctions,
        Json,
        OrderLimit,
        MemoryTables,
        Lateness,
    ];

    fn name(self) -> &'static str {
        match self {
            Windows => "windows",
            Sessions => "sessions",
            Cumulate => "cumulate",
            WindowRanking => "window-ranking",
            UnionAll => "union-all",
            Aggregates => "aggregates",
            Joins => "joins",
            OuterJoins => "outer-joins",
            Subqueries => "subqueries",
            WindowJoins => "window-joins",
            IntervalJoins => "interval-joins",
            KeyRanking => "key-ranking",
            Distinct => "distinct",
            SetOperations => "set-operations",
            WindowTables => "window-tables",
            TemporalJoins => "temporal-joins",
            Emit => "emit",
            Changelogs => "changelogs",
            GroupingSets => "grouping-sets",
            ScalarQueries => "scalar-queries",
            Unnest => "unnest",
            WindowFunctions => "window-functions",
            Json => "json",
            OrderLimit => "order-limit",
            MemoryTables => "memory-tables",
            Lateness => "lateness",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Feature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Feature::ALL.into_iter().find(|feature| feature.name() == text);
        found.ok_or_else(|| format!("use {}", Feature::ALL.map(Feature::name).join(", ")))
    }
}

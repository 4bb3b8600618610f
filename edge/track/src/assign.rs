//! Who belongs to whom: the matching of rows to columns whose gains add up to the most.
//!
//! Rows and columns that share no gain, also not by way of others, are solved apart, because in a picture nearly all
//! are. Each part is solved by the Hungarian method with potentials, by shortest augmenting paths (Kuhn 1955; Jonker
//! and Volgenant 1987): at most rows² · columns steps.

/// Gains of a row with a column; what has no gain is never matched.
#[derive(Debug, Clone)]
pub(crate) struct Gains {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Gains {
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows * columns] }
    }

    /// A gain that is not above zero, or is no number, forbids the pair.
    pub(crate) fn set(&mut self, row: usize, column: usize, gain: f32) {
        self.values[row * self.columns + column] = if gain > 0.0 { gain } else { 0.0 };
    }

    fn get(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.columns + column]
    }

    /// The column of each row, in a matching of greatest sum.
    pub(crate) fn assign(&self) -> Vec<Option<usize>> {
        let mut column_of = vec![None; self.rows];
        for part in self.parts() {
            for (row, column) in self.assign_part(&part) {
                column_of[row] = Some(column);
            }
        }
        column_of
    }

    /// Rows and columns that are connected by gains.
    fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut row_seen = vec![false; self.rows];
        let mut column_seen = vec![false; self.columns];
        for first in 0..self.rows {
            if std::mem::replace(&mut row_seen[first], true) {
                continue;
            }
            let mut part = Part { rows: vec![first], columns: Vec::new() };
            let mut next = 0;
            while let Some(&row) = part.rows.get(next) {
                next += 1;
                for (column, seen) in column_seen.iter_mut().enumerate() {
                    if self.get(row, column) <= 0.0 || std::mem::replace(seen, true) {
                        continue;
                    }
                    part.columns.push(column);
                    let others = (0..self.rows).filter(|&other| self.get(other, column) > 0.0);
                    let new: Vec<usize> =
                        others.filter(|&other| !std::mem::replace(&mut row_seen[other], true)).collect();
                    part.rows.extend(new);
                }
            }
            parts.push(part);
        }
        parts
    }

    fn assign_part(&self, part: &Part) -> Vec<(usize, usize)> {
        let gain = |(row, column): (usize, usize)| self.get(row, column);
        let mut pairs: Vec<(usize, usize)> = match (part.rows.as_slice(), part.columns.as_slice()) {
            (_, []) => Vec::new(),
            (&[row], &[column]) => vec![(row, column)],
            (rows, columns) if rows.len() <= columns.len() => {
                let matched = cheapest(rows.len(), columns.len(), |r, c| -f64::from(self.get(rows[r], columns[c])));
                matched.into_iter().enumerate().map(|(r, c)| (rows[r], columns[c])).collect()
            }
            (rows, columns) => {
                let matched = cheapest(columns.len(), rows.len(), |c, r| -f64::from(self.get(rows[r], columns[c])));
                matched.into_iter().enumerate().map(|(c, r)| (rows[r], columns[c])).collect()
            }
        };
        pairs.retain(|&pair| gain(pair) > 0.0);
        pairs
    }
}

struct Part {
    rows: Vec<usize>,
    columns: Vec<usize>,
}

/// The column of every row in a matching of all rows that costs least; `rows <= columns`.
///
/// Rows are added one by one. Each is matched along the cheapest path of swaps, found as Dijkstra does over costs less
/// potentials, which are never negative.
fn cheapest(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    // Column `columns` stands for "none": the row that is being added is matched to it.
    let none = columns;
    let mut row_potential = vec![0.0; rows];
    let mut column_potential = vec![0.0; columns + 1];
    let mut row_of: Vec<Option<usize>> = vec![None; columns + 1];
    for added in 0..rows {
        row_of[none] = Some(added);
        let mut distance = vec![f64::INFINITY; columns];
        let mut came_from = vec![none; columns];
        let mut done = vec![false; columns + 1];
        let mut column = none;
        while let Some(row) = row_of[column] {
            done[column] = true;
            let mut nearest = (f64::INFINITY, none);
            for next in (0..columns).filter(|&next| !done[next]) {
                let reduced = cost(row, next) - row_potential[row] - column_potential[next];
                if reduced < distance[next] {
                    distance[next] = reduced;
                    came_from[next] = column;
                }
                if distance[next] < nearest.0 {
                    nearest = (distance[next], next);
                }
            }
            let (step, reached) = nearest;
            if reached == none {
                // Cannot be while rows <= columns and costs are finite; without it the loop would not end.
                break;
            }
            for passed in (0..=columns).filter(|&passed| done[passed]) {
                column_potential[passed] -= step;
                if let Some(row) = row_of[passed] {
                    row_potential[row] += step;
                }
            }
            for open in (0..columns).filter(|&open| !done[open]) {
                distance[open] -= step;
            }
            column = reached;
        }
        while column != none {
            let before = came_from[column];
            row_of[column] = row_of[before];
            column = before;
        }
    }
    let mut column_of = vec![0; rows];
    for (column, row) in row_of.iter().take(columns).enumerate() {
        if let Some(row) = *row {
            column_of[row] = column;
        }
    }
    column_of
}

#[cfg(test)]
mod tests;

//! `ROW_NUMBER() OVER (PARTITION BY …)`: SQL window functions, over the rows of closed windows where the partition names
//! one, and over all rows so far otherwise.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{FieldRef, Schema};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{self, Expr};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_planner::create_window_expr_with_name;
use headwater_core::StreamSchema;
use headwater_plan::{KeyedWindowFunctionNode, MapNode, NodeKind, Rank, WindowFunctionNode};

use super::Result;
use super::expression::Scope;
use super::select::{Streams, column_index, unaliased};
use super::stream::{Role, Stream, Windowed};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;

/// Functions with the same `PARTITION BY` and `ORDER BY`, and where each stands in the output.
struct Group {
    functions: Vec<(usize, Arc<dyn WindowExpr>, Option<Rank>)>,
    partitions: Partitions,
}

/// How the rows of a partition come together.
enum Partitions {
    /// They are of one event-time window, and are dealt out by these columns.
    Windowed(Vec<usize>),
    /// They are kept by key.
    Keyed,
}

impl Streams<'_> {
    pub(super) fn window_functions(&mut self, plan: &logical_expr::Window) -> Result<Stream> {
        let input = self.stream(&plan.input)?;
        let scope = self.scope(plan.input.schema(), &input)?;
        let visible = input.schema.visible_count();
        let output = plan.schema.fields();
        let mut groups: Vec<Group> = Vec::new();
        for (index, expr) in plan.window_expr.iter().enumerate() {
            let name = output.get(visible + index).map_or("", |field| field.name().as_str());
            let (function, rank, partitions) = scope.window_function(expr, name)?;
            let group = groups.iter_mut().find(|group| group.takes(&function));
            match group {
                Some(group) => group.functions.push((index, function, rank)),
                None => groups.push(Group { functions: vec![(index, function, rank)], partitions }),
            }
        }
        self.add_groups(&input, groups, output)
    }

    /// A node a group, each with its columns behind those of the one before; then the columns in the order asked for.
    fn add_groups(&mut self, input: &Stream, groups: Vec<Group>, output: &[FieldRef]) -> Result<Stream> {
        let visible = input.schema.visible_count();
        let mut fields: Vec<FieldRef> = output.iter().take(visible).cloned().collect();
        let mut order: Vec<usize> = Vec::new();
        let mut stream = input.clone();
        for Group { functions, partitions } in groups {
            order.extend(functions.iter().map(|(index, ..)| *index));
            fields.extend(functions.iter().filter_map(|(index, ..)| output.get(visible + index).cloned()));
            let ranks: Option<Vec<Rank>> = functions.iter().map(|(_, _, rank)| *rank).collect();
            let functions: Vec<_> = functions.into_iter().map(|(_, function, _)| function).collect();
            let calls = Calls { functions, ranks: ranks.unwrap_or_default() };
            stream = match partitions {
                Partitions::Windowed(hash) => {
                    let punctual = self.builder.punctual(stream);
                    self.windowed_calls(&punctual, calls, hash, &fields)
                }
                Partitions::Keyed => self.keyed_calls(&stream, calls, &fields)?,
            };
        }
        Ok(if order.is_sorted() { stream } else { self.reorder(stream, visible, &order, output) })
    }

    fn windowed_calls(&mut self, input: &Stream, calls: Calls, hash: Vec<usize>, fields: &[FieldRef]) -> Stream {
        let schema = StreamSchema::append_only(&Schema::new(fields.to_vec()));
        let parallel = self.builder.parallelism == 1 || !hash.is_empty();
        let kind = NodeKind::WindowFunction(WindowFunctionNode { functions: calls.functions, ranks: calls.ranks });
        let node = self.builder.graph.add(kind, schema.clone(), parallel);
        let partitioning = self.builder.exchange(hash);
        self.builder.graph.connect(input.node, node, 0, partitioning);
        let mut roles = input.roles.clone();
        roles.resize(schema.visible_count(), Role::Plain);
        Stream { node, schema, roles, ..input.clone() }
    }

    /// Functions over all rows of a partition so far.
    fn keyed_calls(&mut self, input: &Stream, calls: Calls, fields: &[FieldRef]) -> Result<Stream> {
        let partition_by = calls.functions.first().map(|first| first.partition_by().to_vec()).unwrap_or_default();
        let (keyed, places) = self.builder.with_keys(input, &partition_by)?;
        let added = keyed.schema.visible_count() - input.schema.visible_count();
        // The keys that were added stand between the columns and the results.
        let mut with_keys: Vec<FieldRef> = keyed.schema.visible().fields().iter().cloned().collect();
        with_keys.extend(fields.iter().skip(input.schema.visible_count()).cloned());
        let schema = StreamSchema::updating(&Schema::new(with_keys));
        let (functions, ranks) = (calls.functions, calls.ranks);
        let ttl = Some(self.builder.updating_ttl);
        let kind = NodeKind::KeyedWindowFunction(KeyedWindowFunctionNode { functions, ranks, bound: None, ttl });
        let node = self.builder.graph.add(kind, schema.clone(), !partition_by.is_empty());
        let partitioning = self.builder.exchange(places);
        self.builder.graph.connect(keyed.node, node, 0, partitioning);
        let roles = vec![Role::Plain; schema.visible_count()];
        let (windowed, bounded) = (Windowed::No, input.bounded);
        let stream =
            Stream { node, schema, roles, windowed, timed: false, bounded, lateness: Duration::ZERO, ordered: false };
        if added == 0 {
            return Ok(stream);
        }
        let visible = input.schema.visible_count();
        let columns: Vec<usize> = (0..visible).chain(visible + added..stream.schema.visible_count()).collect();
        Ok(self.builder.choose(&stream, &columns))
    }

    fn reorder(&mut self, stream: Stream, visible: usize, order: &[usize], output: &[FieldRef]) -> Stream {
        let place = |index: usize| match index.checked_sub(visible) {
            None => index,
            Some(function) => visible + order.iter().position(|other| *other == function).unwrap_or(function),
        };
        let column = |(index, field): (usize, &FieldRef)| {
            Arc::new(Column::new(field.name(), place(index))) as Arc<dyn PhysicalExpr>
        };
        let columns = output.iter().enumerate().map(column).collect();
        let schema = stream.schema_of(&Schema::new(output.to_vec()));
        let roles = stream.roles.clone();
        self.builder.map(&stream, MapNode { predicate: None, columns }, schema, roles)
    }
}

/// The functions of one node.
struct Calls {
    functions: Vec<Arc<dyn WindowExpr>>,
    /// What they are, where all are ranks.
    ranks: Vec<Rank>,
}

impl Group {
    fn takes(&self, function: &Arc<dyn WindowExpr>) -> bool {
        let first = self.functions.first().map(|(_, first, _)| first);
        first.is_some_and(|first| {
            first.partition_by() == function.partition_by() && first.order_by() == function.order_by()
        })
    }
}

impl Scope<'_> {
    /// The physical form of a window function, the rank that it is, and how its partitions come together.
    fn window_function(&self, expr: &Expr, name: &str) -> Result<(Arc<dyn WindowExpr>, Option<Rank>, Partitions)> {
        let expr = self.prepare(unaliased(expr))?;
        let Expr::WindowFunction(function) = &expr else {
            return Err(Diagnostic::new("this window function cannot be planned").at(self.place.word("OVER")));
        };
        let (execution, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        let physical = create_window_expr_with_name(&expr, name, &self.columns, &execution, &planning);
        let physical = physical.map_err(|error| clean(error, self.place))?;
        let rank = match function.fun.name() {
            "row_number" => Some(Rank::RowNumber),
            "rank" => Some(Rank::Rank),
            "dense_rank" => Some(Rank::DenseRank),
            _ => None,
        };
        let partition_by = &function.params.partition_by;
        let windowed = !self.stream.is_updating()
            && partition_by.iter().any(|expr| self.stream.tells_windows(self.stream.role(expr, &self.columns)));
        if !windowed {
            return Ok((physical, rank, Partitions::Keyed));
        }
        // Any of the other columns tells partitions apart well enough to deal them out.
        let mut hash: Vec<usize> = Vec::new();
        for index in physical.partition_by().iter().filter_map(column_index) {
            let plain = self.stream.roles.get(index).is_some_and(|role| !self.stream.tells_windows(*role));
            if plain && !hash.contains(&index) {
                hash.push(index);
            }
        }
        Ok((physical, rank, Partitions::Windowed(hash)))
    }
}

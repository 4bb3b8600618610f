//! `ROW_NUMBER() OVER (PARTITION BY window …)`: SQL window functions over the rows of closed windows.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{self, Expr};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_planner::create_window_expr_with_name;
use headwater_core::StreamSchema;
use headwater_plan::{MapNode, NodeKind, Partitioning, WindowFunctionNode};

use super::Result;
use super::expression::Scope;
use super::select::{Streams, column_index, unaliased};
use super::stream::{Role, Stream, Windowed};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;

/// Functions with the same `PARTITION BY` and `ORDER BY`, and where each stands in the output.
struct Group {
    functions: Vec<(usize, Arc<dyn WindowExpr>)>,
    hash: Vec<usize>,
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
            let (function, hash) = scope.window_function(expr, name)?;
            let group = groups.iter_mut().find(|group| group.takes(&function));
            match group {
                Some(group) => group.functions.push((index, function)),
                None => groups.push(Group { functions: vec![(index, function)], hash }),
            }
        }
        Ok(self.add_groups(&input, groups, output))
    }

    /// A node a group, each with its columns behind those of the one before; then the columns in the order asked for.
    fn add_groups(&mut self, input: &Stream, groups: Vec<Group>, output: &[FieldRef]) -> Stream {
        let visible = input.schema.visible_count();
        let mut fields: Vec<FieldRef> = output.iter().take(visible).cloned().collect();
        let mut order: Vec<usize> = Vec::new();
        let mut stream = input.clone();
        for Group { functions, hash } in groups {
            order.extend(functions.iter().map(|(index, _)| *index));
            fields.extend(functions.iter().filter_map(|(index, _)| output.get(visible + index).cloned()));
            let schema = StreamSchema::append_only(&Schema::new(fields.clone()));
            let functions = functions.into_iter().map(|(_, function)| function).collect();
            let parallel = self.builder.parallelism == 1 || !hash.is_empty();
            let kind = NodeKind::WindowFunction(WindowFunctionNode { functions });
            let node = self.builder.graph.add(kind, schema.clone(), parallel);
            let partitioning =
                if self.builder.parallelism == 1 { Partitioning::Forward } else { Partitioning::Hash(hash) };
            self.builder.graph.connect(stream.node, node, 0, partitioning);
            let mut roles = stream.roles.clone();
            roles.resize(schema.visible_count(), Role::Plain);
            stream = Stream { node, schema, roles, ..stream };
        }
        if order.is_sorted() { stream } else { self.reorder(stream, visible, &order, output) }
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
        let schema = StreamSchema::append_only(&Schema::new(output.to_vec()));
        let roles = stream.roles.clone();
        self.builder.map(&stream, MapNode { predicate: None, columns }, schema, roles)
    }
}

impl Group {
    fn takes(&self, function: &Arc<dyn WindowExpr>) -> bool {
        let first = self.functions.first().map(|(_, first)| first);
        first.is_some_and(|first| {
            first.partition_by() == function.partition_by() && first.order_by() == function.order_by()
        })
    }
}

impl Scope<'_> {
    /// The physical form of a window function, and the columns that its partitions can be dealt out by.
    fn window_function(&self, expr: &Expr, name: &str) -> Result<(Arc<dyn WindowExpr>, Vec<usize>)> {
        let expr = self.prepare(unaliased(expr))?;
        let Expr::WindowFunction(function) = &expr else {
            return Err(Diagnostic::new("this window function cannot be planned").at(self.place.word("OVER")));
        };
        self.partitioned_by_window(function)?;
        let (execution, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        let physical = create_window_expr_with_name(&expr, name, &self.columns, &execution, &planning);
        let physical = physical.map_err(|error| clean(error, self.place))?;
        // Any of the other columns tells partitions apart well enough to deal them out.
        let mut hash: Vec<usize> = Vec::new();
        for index in physical.partition_by().iter().filter_map(column_index) {
            let plain = self.stream.roles.get(index).is_some_and(|role| !self.stream.tells_windows(*role));
            if plain && !hash.contains(&index) {
                hash.push(index);
            }
        }
        Ok((physical, hash))
    }

    fn partitioned_by_window(&self, function: &WindowFunction) -> Result<()> {
        let over = || self.place.word("OVER");
        if self.stream.windowed == Windowed::No {
            let error = Diagnostic::new("a window function over a stream needs rows that are grouped by a window");
            let hint = "group by a window in a query below this one, and name it in PARTITION BY";
            return Err(error.at(over()).hint(hint));
        }
        let partition_by = &function.params.partition_by;
        if partition_by.iter().any(|expr| self.stream.tells_windows(self.stream.role(expr, &self.columns))) {
            return Ok(());
        }
        let window = self.stream.roles.iter().position(|role| *role == Role::Window);
        let name = window.map_or("window", |index| self.stream.schema.full().field(index).name());
        let error = Diagnostic::new("a window function over a stream is evaluated window by window");
        Err(error.at(over()).hint(format!("write OVER (PARTITION BY {name}, …)")))
    }
}

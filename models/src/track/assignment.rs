//! Optimal assignment with a cost limit, over a sparse bipartite graph.
//!
//! Finds the set of pairs that makes `Σ (cost - limit)` least: a pair may stay single at the price
//! of the limit, so no pair at or above the limit is ever made. It is the problem that trackers
//! pose to a dense Jonker-Volgenant solver with `cost_limit`, solved by shortest augmenting paths
//! (Jonker and Volgenant 1987; Crouse 2016) over the edges below the limit alone. A search never
//! leaves the connected component in which it began, so 500 objects of which each overlaps a few
//! others are hundreds of tiny problems, found without looking for the components. Deterministic:
//! ties fall to the lower column. Knows nothing of boxes or tracks.

/// The edges of a bipartite graph, by row.
#[derive(Debug, Clone, Default)]
pub(super) struct Edges {
    /// Where the edges of each row begin in `edges`, and where the last one ends.
    row_start: Vec<usize>,
    edges: Vec<Edge>,
    columns: usize,
}

/// That a row may be paired with `column`, at `cost`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub(super) column: u32,
    pub(super) cost: f64,
}

impl Edges {
    /// Begins a new graph of `columns` columns and no rows, in the memory of the last one.
    pub(super) fn reset(&mut self, columns: usize) {
        self.row_start.clear();
        self.row_start.push(0);
        self.edges.clear();
        self.columns = columns;
    }

    /// Adds an edge to the row that is being filled; a column comes at most once in a row.
    pub(super) fn push(&mut self, edge: Edge) {
        self.edges.push(edge);
    }

    /// Ends the row that is being filled.
    pub(super) fn end_row(&mut self) {
        self.row_start.push(self.edges.len());
    }

    /// The number of rows that were ended.
    pub(super) fn rows(&self) -> usize {
        self.row_start.len().saturating_sub(1)
    }

    /// The edges of one row.
    pub(super) fn row(&self, row: usize) -> &[Edge] {
        &self.edges[self.row_start[row]..self.row_start[row + 1]]
    }
}

/// The solver; it keeps its memory from one problem to the next.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    /// The column of each row.
    column_of: Vec<Option<u32>>,
    columns: Vec<Column>,
    /// Columns that the present search has a path to.
    reached: Vec<u32>,
    /// Those of them that it has not yet passed.
    frontier: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    /// Dual variable; 0 until a search passes the column, never above.
    price: f64,
    /// The row it is paired with, and at which cost.
    pair: Option<(u32, f64)>,
    /// Length of the shortest path found to it in the present search; infinite where none is.
    distance: f64,
    /// The row from which that path comes, and the cost of that last edge.
    from: (u32, f64),
    /// Whether the present search went on from it: its path is final, whatever rounding says.
    is_passed: bool,
}

impl Column {
    const FREE: Self = Self {
        price: 0.0,
        pair: None,
        distance: f64::INFINITY,
        from: (0, f64::INFINITY),
        is_passed: false,
    };
}

/// Where a shortest path ends.
#[derive(Clone, Copy)]
enum End {
    /// At a column that was free.
    Column(u32),
    /// At a row that gives up its pair: to stay single is cheaper.
    Single(u32),
}

impl Assignment {
    /// Pairs rows with columns at the least total cost; edges at or above `limit` are not used.
    /// The answer has the column of each row.
    pub(super) fn solve(&mut self, edges: &Edges, limit: f64) -> &[Option<u32>] {
        self.column_of.clear();
        self.column_of.resize(edges.rows(), None);
        self.columns.clear();
        self.columns.resize(edges.columns, Column::FREE);
        for row in 0..edges.rows() {
            self.add_row(edges, row as u32, limit);
        }
        &self.column_of
    }

    /// Brings one more row into the optimum of those before it.
    fn add_row(&mut self, edges: &Edges, row: u32, limit: f64) {
        let (end, length) = self.shortest_path(edges, row, limit);
        self.augment(row, end);
        self.frontier.clear();
        for column in self.reached.drain(..) {
            let column = &mut self.columns[column as usize];
            if column.is_passed {
                column.price += column.distance - length;
            }
            column.distance = f64::INFINITY;
            column.is_passed = false;
        }
    }

    /// Dijkstra's search over reduced costs from `start` to the nearest end.
    fn shortest_path(&mut self, edges: &Edges, start: u32, limit: f64) -> (End, f64) {
        let mut row = start;
        // What the reduced costs of the row's edges are lessened by, so that the path so far counts.
        let mut offset = 0.0;
        let mut single = (limit, start);
        loop {
            for &Edge { column, cost } in edges.row(row as usize) {
                let c = &mut self.columns[column as usize];
                let distance = cost - c.price - offset;
                if cost < limit && distance < c.distance && !c.is_passed {
                    if c.distance == f64::INFINITY {
                        self.reached.push(column);
                        self.frontier.push(column);
                    }
                    (c.distance, c.from) = (distance, (row, cost));
                }
            }
            let Some((distance, column)) = self.take_nearest(single.0) else {
                return (End::Single(single.1), single.0);
            };
            let c = &mut self.columns[column as usize];
            let Some((next, cost)) = c.pair else {
                return (End::Column(column), distance);
            };
            c.is_passed = true;
            offset = cost - c.price - distance;
            row = next;
            if limit - offset < single.0 {
                single = (limit - offset, row);
            }
        }
    }

    /// Takes the nearest column off the frontier if it is nearer than `bound`.
    fn take_nearest(&mut self, bound: f64) -> Option<(f64, u32)> {
        let (index, distance, column) = self
            .frontier
            .iter()
            .enumerate()
            .map(|(index, &column)| (index, self.columns[column as usize].distance, column))
            .min_by(|a, b| a.1.total_cmp(&b.1).then(a.2.cmp(&b.2)))?;
        if distance >= bound {
            return None;
        }
        self.frontier.swap_remove(index);
        Some((distance, column))
    }

    /// Changes the pairs along the path that leads from `start` to `end`.
    fn augment(&mut self, start: u32, end: End) {
        let mut vacant = match end {
            End::Column(column) => column,
            End::Single(row) if row == start => return,
            End::Single(row) => {
                self.column_of[row as usize].take().expect("a path reaches a row through its pair")
            }
        };
        loop {
            let column = &mut self.columns[vacant as usize];
            let (row, cost) = column.from;
            column.pair = Some((row, cost));
            match self.column_of[row as usize].replace(vacant) {
                Some(left) => vacant = left,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Costs = Vec<Vec<Option<f64>>>;

    fn edges(costs: &Costs, columns: usize) -> Edges {
        let mut edges = Edges::default();
        edges.reset(columns);
        for row in costs {
            for (column, cost) in row.iter().enumerate() {
                if let Some(cost) = *cost {
                    edges.push(Edge { column: column as u32, cost });
                }
            }
            edges.end_row();
        }
        edges
    }

    fn solve(costs: &Costs, columns: usize, limit: f64) -> Vec<Option<u32>> {
        Assignment::default().solve(&edges(costs, columns), limit).to_vec()
    }

    /// `Σ (cost - limit)` of a pairing; checks on the way that it is one.
    fn value(costs: &Costs, pairs: &[Option<u32>], limit: f64) -> f64 {
        assert_eq!(pairs.len(), costs.len());
        let mut taken = std::collections::BTreeSet::new();
        let mut total = 0.0;
        for (row, column) in pairs.iter().enumerate() {
            if let Some(column) = *column {
                assert!(taken.insert(column), "column {column} twice in {pairs:?}");
                let cost = costs[row][column as usize].expect("only edges are used");
                assert!(cost < limit, "{cost} is not below {limit}");
                total += cost - limit;
            }
        }
        total
    }

    /// The least `Σ (cost - limit)` by trying everything, rows from `row` on.
    fn least(costs: &Costs, row: usize, taken: u32, limit: f64) -> f64 {
        let Some(edges) = costs.get(row) else { return 0.0 };
        let single = least(costs, row + 1, taken, limit);
        let pairs = edges.iter().enumerate().filter(|&(column, _)| taken & (1 << column) == 0);
        pairs.fold(single, |best, (column, cost)| match cost {
            Some(cost) => {
                let rest = least(costs, row + 1, taken | (1 << column), limit);
                best.min(cost - limit + rest)
            }
            None => best,
        })
    }

    fn any_costs(max: usize) -> impl Strategy<Value = (Costs, usize)> {
        // Coarse costs bring ties, fine ones rounding.
        let cost = prop_oneof![(0..8_u8).prop_map(|c| f64::from(c) / 8.0), 0.0..1.0];
        let cost = proptest::option::weighted(0.7, cost);
        (0..=max, 0..=max).prop_flat_map(move |(rows, columns)| {
            let row = proptest::collection::vec(cost.clone(), columns);
            (proptest::collection::vec(row, rows), Just(columns))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_is_as_good_as_trying_everything((costs, columns) in any_costs(6), limit in 0.05..1.1) {
            let pairs = solve(&costs, columns, limit);
            let (ours, best) = (value(&costs, &pairs, limit), least(&costs, 0, 0, limit));
            prop_assert!((ours - best).abs() < 1e-9, "{ours} instead of {best}: {pairs:?}");
        }
    }

    proptest! {
        /// Large problems cannot be tried out, but an optimum proves itself: no chain of pairs
        /// that are made and undone lowers the cost.
        #[test]
        fn no_exchange_makes_it_better((costs, columns) in any_costs(40), limit in 0.05..1.1) {
            let pairs = solve(&costs, columns, limit);
            value(&costs, &pairs, limit);
            prop_assert!(!has_better_exchange(&costs, columns, &pairs, limit), "{pairs:?}");
        }

        #[test]
        fn the_order_of_rows_does_not_matter(
            (costs, columns) in any_costs(20).prop_filter("no ties", |(costs, _)| {
                let mut all: Vec<f64> = costs.iter().flatten().flatten().copied().collect();
                all.sort_by(f64::total_cmp);
                all.iter().all(|c| (c * 8.0).fract() != 0.0)
            }),
        ) {
            let mut reversed = costs.clone();
            reversed.reverse();
            let mut back = solve(&reversed, columns, 0.8);
            back.reverse();
            prop_assert_eq!(back, solve(&costs, columns, 0.8));
        }
    }

    /// Bellman-Ford for a negative cycle in the residual graph: rows, then columns, then one node
    /// that stands for being single.
    fn has_better_exchange(
        costs: &Costs,
        columns: usize,
        pairs: &[Option<u32>],
        limit: f64,
    ) -> bool {
        let (rows, single) = (costs.len(), costs.len() + columns);
        let mut arcs = Vec::new();
        let mut is_free = vec![true; columns];
        for (row, edges) in costs.iter().enumerate() {
            for (column, cost) in edges.iter().enumerate() {
                let Some(cost) = *cost else { continue };
                if pairs[row] == Some(column as u32) {
                    arcs.push((rows + column, row, limit - cost));
                    is_free[column] = false;
                } else {
                    arcs.push((row, rows + column, cost - limit));
                }
            }
            // A paired row may become single; a single row may begin a pair.
            arcs.push(if pairs[row].is_some() { (row, single, 0.0) } else { (single, row, 0.0) });
        }
        for (column, is_free) in is_free.into_iter().enumerate() {
            let node = rows + column;
            arcs.push(if is_free { (node, single, 0.0) } else { (single, node, 0.0) });
        }
        let mut distance = vec![0.0; single + 1];
        for _ in 0..=single {
            let mut changed = false;
            for &(from, to, cost) in &arcs {
                if distance[from] + cost < distance[to] - 1e-9 {
                    distance[to] = distance[from] + cost;
                    changed = true;
                }
            }
            if !changed {
                return false;
            }
        }
        true
    }

    #[test]
    fn the_total_counts_not_the_single_pair() {
        let costs = vec![vec![Some(0.1), Some(0.2)], vec![Some(0.2), Some(0.8)]];
        assert_eq!(solve(&costs, 2, 0.9), [Some(1), Some(0)]);
        // With a lower limit the worst pair is not worth having.
        let costs = vec![vec![Some(0.1), Some(0.6)], vec![Some(0.2), None]];
        assert_eq!(solve(&costs, 2, 0.9), [Some(1), Some(0)]);
        assert_eq!(solve(&costs, 2, 0.65), [Some(0), None]);
    }

    #[test]
    fn a_pair_at_the_limit_is_not_made() {
        assert_eq!(solve(&vec![vec![Some(0.5)]], 1, 0.5), [None]);
        assert_eq!(solve(&vec![vec![Some(0.499)]], 1, 0.5), [Some(0)]);
    }

    #[test]
    fn the_memory_of_one_problem_does_not_leak_into_the_next() {
        let mut solver = Assignment::default();
        let first = vec![vec![Some(0.1), Some(0.2)], vec![Some(0.2), Some(0.3)]];
        let second = vec![vec![Some(0.4)], vec![Some(0.3)], vec![Some(0.6)]];
        for _ in 0..2 {
            solver.solve(&edges(&first, 2), 0.9);
            assert_eq!(solver.solve(&edges(&second, 1), 0.9), [None, Some(0), None]);
        }
        assert_eq!(solver.solve(&edges(&Vec::new(), 0), 0.9), [None::<u32>; 0]);
    }
}

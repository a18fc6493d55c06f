//! What names mean inside a statement: the relations of its FROM clause, those of the statements around it, and which columns
//! a grouped query may use.

use std::cell::{Cell, RefCell};

use super::super::catalog::{Table, quoted};
use super::super::error::{SqlError, SqlResult, state};
use super::super::types::SqlType;

/// A table, subquery or function in a FROM clause.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The name that qualifies its columns.
    pub(super) name: String,
    pub(super) columns: Vec<RelationColumn>,
    /// The positions of the primary key's columns.
    pub(super) key: Vec<usize>,
    /// Its columns are found by qualified names only: `excluded`.
    pub(super) qualified_only: bool,
}

#[derive(Debug, Clone)]
pub(super) struct RelationColumn {
    pub(super) name: String,
    pub(super) ty: SqlType,
    pub(super) length: Option<u32>,
    /// How SQLite reaches it.
    pub(super) sql: String,
    pub(super) not_null: bool,
    /// USING joined it with a column to its left, which stands for both.
    pub(super) merged: bool,
}

impl Relation {
    /// A table whose columns SQLite reaches by `prefix` (an alias and a point, or nothing).
    pub(super) fn of_table(table: &Table, name: String, prefix: &str) -> Self {
        let columns = table.columns.iter().map(|column| RelationColumn {
            name: column.name.clone(),
            ty: column.ty,
            length: column.length,
            sql: format!("{prefix}{}", quoted(&column.name)),
            not_null: column.not_null,
            merged: false,
        });
        let key =
            table.primary_key.iter().filter_map(|key| table.columns.iter().position(|column| column.name == *key));
        Self { name, columns: columns.collect(), key: key.collect(), qualified_only: false }
    }

    /// An outer join may fill it with nulls.
    pub(super) fn make_nullable(&mut self) {
        for column in &mut self.columns {
            column.not_null = false;
        }
    }
}

/// Whether aggregates may stand here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregates {
    Allowed,
    /// In the arguments of one.
    Inside,
    /// In a clause of this name.
    ForbiddenIn(&'static str),
}

/// The names in sight of an expression.
pub(super) struct Scope<'o> {
    pub(super) relations: Vec<Relation>,
    pub(super) outer: Option<&'o Scope<'o>>,
    pub(super) aggregates: Cell<Aggregates>,
    pub(super) has_aggregate: Cell<bool>,
    /// The expressions of GROUP BY, as SQLite reads them.
    pub(super) groups: RefCell<Vec<String>>,
    /// Columns used outside aggregates and group expressions: relation, SQL, name.
    pub(super) ungrouped: RefCell<Vec<(usize, String, String)>>,
    /// Columns are reached without an alias (RETURNING, index expressions), which a subquery would capture.
    pub(super) bare: bool,
}

/// A column that a name was resolved to.
pub(super) struct Found {
    pub(super) sql: String,
    pub(super) ty: SqlType,
    pub(super) length: Option<u32>,
    pub(super) not_null: bool,
}

/// Columns that every table of Postgres has and none of SQLite.
const SYSTEM_COLUMNS: &[&str] = &["xmin", "xmax", "cmin", "cmax", "ctid", "tableoid"];

impl<'o> Scope<'o> {
    pub(super) fn new(relations: Vec<Relation>, outer: Option<&'o Scope<'o>>) -> Self {
        Self {
            relations,
            outer,
            aggregates: Cell::new(Aggregates::ForbiddenIn("this clause")),
            has_aggregate: Cell::new(false),
            groups: RefCell::default(),
            ungrouped: RefCell::default(),
            bare: false,
        }
    }

    /// Columns of one table reached by their bare names.
    pub(super) fn bare(relation: Relation) -> Scope<'static> {
        Scope { bare: true, ..Scope::new(vec![relation], None) }
    }

    /// Runs with aggregates allowed or not.
    pub(super) fn with_aggregates<T>(&self, aggregates: Aggregates, body: impl FnOnce() -> T) -> T {
        let before = self.aggregates.replace(aggregates);
        let result = body();
        self.aggregates.set(before);
        result
    }

    /// A subquery may not look into this scope or one around it.
    pub(super) fn refuses_subqueries(&self) -> bool {
        self.bare || self.outer.is_some_and(Scope::refuses_subqueries)
    }

    /// Resolves `column` or `relation.column`, here or further out.
    pub(super) fn column(&self, relation: Option<&str>, column: &str) -> SqlResult<Found> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some(found) = here.column_here(relation, column)? {
                return Ok(found);
            }
            scope = here.outer;
        }
        if SYSTEM_COLUMNS.contains(&column) {
            return Err(SqlError::unsupported(format!("the system column {column}")));
        }
        match relation {
            Some(relation) if !self.knows(relation) => Err(SqlError::new(
                state::UNDEFINED_TABLE,
                format!("missing FROM-clause entry for table \"{relation}\""),
            )),
            Some(relation) => Err(undefined_column(&format!("{relation}.{column}"))),
            None if self.knows(column) => Err(SqlError::unsupported("whole rows as values")),
            None => Err(undefined_column(&format!("\"{column}\""))),
        }
    }

    fn knows(&self, relation: &str) -> bool {
        self.relations.iter().any(|r| r.name == relation) || self.outer.is_some_and(|outer| outer.knows(relation))
    }

    fn column_here(&self, relation: Option<&str>, name: &str) -> SqlResult<Option<Found>> {
        let mut found: Option<(usize, &RelationColumn)> = None;
        for (index, candidate) in self.relations.iter().enumerate() {
            let wanted = relation.map_or(!candidate.qualified_only, |relation| candidate.name == relation);
            if !wanted {
                continue;
            }
            for column in candidate.columns.iter().filter(|c| c.name == name && (relation.is_some() || !c.merged)) {
                if found.is_some() {
                    let message = format!("column reference \"{name}\" is ambiguous");
                    return Err(SqlError::new(state::AMBIGUOUS_COLUMN, message));
                }
                found = Some((index, column));
            }
        }
        Ok(found.map(|(index, column)| self.reached(index, column)))
    }

    /// A column of a relation here is used.
    pub(super) fn reached(&self, relation: usize, column: &RelationColumn) -> Found {
        if self.aggregates.get() != Aggregates::Inside {
            self.ungrouped.borrow_mut().push((relation, column.sql.clone(), column.name.clone()));
        }
        Found { sql: column.sql.clone(), ty: column.ty, length: column.length, not_null: column.not_null }
    }

    /// The expression `sql` is complete: if the query groups by it, the columns in it (those since `mark`) are fine.
    pub(super) fn completed(&self, sql: &str, mark: usize) {
        if self.groups.borrow().iter().any(|group| group == sql) {
            self.ungrouped.borrow_mut().truncate(mark);
        }
    }

    pub(super) fn mark(&self) -> usize {
        self.ungrouped.borrow().len()
    }

    /// After a grouped query was compiled: every column must be grouped by, in an aggregate, or of a table whose primary key is
    /// grouped by.
    pub(super) fn check_groups(&self) -> SqlResult<()> {
        if self.groups.borrow().is_empty() && !self.has_aggregate.get() {
            return Ok(());
        }
        let groups = self.groups.borrow();
        for (relation, sql, name) in self.ungrouped.borrow().iter() {
            let relation = &self.relations[*relation];
            let depends = !relation.key.is_empty()
                && relation.key.iter().all(|key| groups.iter().any(|group| *group == relation.columns[*key].sql));
            if !depends && !groups.contains(sql) {
                let message = format!(
                    "column \"{}.{name}\" must appear in the GROUP BY clause or be used in an aggregate function",
                    relation.name
                );
                return Err(SqlError::new(state::GROUPING_ERROR, message));
            }
        }
        Ok(())
    }
}

pub(super) fn undefined_column(name: &str) -> SqlError {
    SqlError::new(state::UNDEFINED_COLUMN, format!("column {name} does not exist"))
}

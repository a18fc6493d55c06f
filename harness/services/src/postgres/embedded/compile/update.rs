//! UPDATE, with FROM and RETURNING.

use sqlparser::ast::{TableFactor, TableWithJoins, Update, UpdateTableFromKind};

use super::super::catalog::{Table, quoted};
use super::super::error::{SqlError, SqlResult};
use super::scope::{Relation, Scope};
use super::{Action, Command, Compiler, Output, folded, refuse};

impl Compiler<'_> {
    /// Compiles an UPDATE behind the text of its WITH, if it has one.
    pub(super) fn update(&mut self, update: &Update, with: &str) -> SqlResult<(Vec<Output>, Action)> {
        let Update {
            update_token: _,
            optimizer_hints: _,
            table: target,
            assignments,
            from,
            selection,
            returning,
            output: None,
            or: None,
            order_by,
            limit: None,
        } = update
        else {
            return Err(SqlError::syntax("syntax error in UPDATE"));
        };
        refuse(!order_by.is_empty(), "ORDER BY of UPDATE")?;
        let (table, name) = self.target(target)?;
        let alias = self.alias();
        let mut relations = vec![Relation::of_table(&table, name.clone(), &format!("{alias}."))];
        let from = match from {
            None => String::new(),
            Some(UpdateTableFromKind::BeforeSet(_)) => {
                return Err(SqlError::syntax("syntax error in UPDATE: FROM before SET"));
            }
            Some(UpdateTableFromKind::AfterSet(items)) => {
                let (sql, others) = self.from(items, None)?;
                relations.extend(others);
                format!(" FROM {sql}")
            }
        };
        let scope = Scope::new(relations, None);
        let set = self.assignments(assignments, &table, &scope)?;
        let condition = selection.as_ref().map(|condition| self.condition(condition, &scope, "WHERE")).transpose()?;
        let condition = condition.map_or_else(String::new, |condition| format!(" WHERE {condition}"));
        let (returning, outputs) = self.returning(returning.as_deref(), &table, &name)?;
        let sql = format!("{with}UPDATE {} AS {alias} SET {set}{from}{condition}{returning}", quoted(&table.name));
        Ok((outputs, Action::Run(self.run(sql, Command::Update, None))))
    }

    /// The table that an UPDATE or DELETE is about, and the name it is known by in the statement.
    pub(super) fn target(&mut self, target: &TableWithJoins) -> SqlResult<(Table, String)> {
        let TableWithJoins { relation, joins } = target;
        refuse(!joins.is_empty(), "joins in place of a table")?;
        let TableFactor::Table {
            name,
            alias,
            args: None,
            version: None,
            with_ordinality: false,
            json_path: None,
            sample: None,
            ..
        } = relation
        else {
            return Err(SqlError::syntax("syntax error: a table is expected"));
        };
        let table = self.table(name)?;
        let visible = alias.as_ref().map_or_else(|| table.name.clone(), |alias| folded(&alias.name));
        Ok((table, visible))
    }
}

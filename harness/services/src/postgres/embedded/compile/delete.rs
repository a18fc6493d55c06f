//! DELETE, with USING and RETURNING, and TRUNCATE.

use sqlparser::ast::{CascadeOption, Delete, FromTable, Truncate, TruncateIdentityOption, TruncateTableTarget};

use super::super::catalog::{self, Table, quoted};
use super::super::error::{SqlError, SqlResult, state};
use super::insert::row_id;
use super::scope::{Relation, Scope};
use super::table::sequence_of;
use super::{Action, Command, Compiler, Define, Output, refuse};

impl Compiler<'_> {
    /// Compiles a DELETE behind the text of its WITH, if it has one.
    pub(super) fn delete(&mut self, delete: &Delete, with: &str) -> SqlResult<(Vec<Output>, Action)> {
        let Delete {
            delete_token: _,
            optimizer_hints: _,
            tables,
            from: FromTable::WithFromKeyword(targets),
            using,
            selection,
            returning,
            output: None,
            order_by,
            limit: None,
        } = delete
        else {
            return Err(SqlError::syntax("syntax error in DELETE"));
        };
        refuse(!tables.is_empty() || !order_by.is_empty(), "this form of DELETE")?;
        let [target] = targets.as_slice() else {
            return Err(SqlError::syntax("syntax error in DELETE: one table is expected"));
        };
        let (table, name) = self.target(target)?;
        let alias = self.alias();
        let mut relations = vec![Relation::of_table(&table, name.clone(), &format!("{alias}."))];
        let using = using.as_ref().map(|items| self.from(items, None)).transpose()?;
        let using = using.map(|(sql, others)| {
            relations.extend(others);
            sql
        });
        let scope = Scope::new(relations, None);
        let condition = selection.as_ref().map(|condition| self.condition(condition, &scope, "WHERE")).transpose()?;
        let condition = condition.map_or_else(String::new, |condition| format!(" WHERE {condition}"));
        let (returning, outputs) = self.returning(returning.as_deref(), &table, &name)?;
        let table_sql = quoted(&table.name);
        let sql = match using {
            None => format!("{with}DELETE FROM {table_sql} AS {alias}{condition}{returning}"),
            Some(using) => {
                // SQLite's DELETE knows one table: the rows are found by a join first.
                let id = row_id(&table)?;
                let found = format!("SELECT {alias}.{id} FROM {table_sql} AS {alias}, {using}{condition}");
                format!("{with}DELETE FROM {table_sql} WHERE {id} IN ({found}){returning}")
            }
        };
        Ok((outputs, Action::Run(self.run(sql, Command::Delete, None))))
    }

    pub(super) fn truncate(&mut self, truncate: &Truncate) -> SqlResult<Define> {
        let Truncate { table_names, partitions: None, table: _, if_exists: false, identity, cascade, on_cluster: None } =
            truncate
        else {
            return Err(SqlError::syntax("syntax error in TRUNCATE"));
        };
        let mut tables: Vec<Table> = Vec::new();
        for TruncateTableTarget { name, only: _, has_asterisk: _ } in table_names {
            tables.push(self.table(name)?);
        }
        let cascades = *cascade == Some(CascadeOption::Cascade);
        let mut next = 0;
        while next < tables.len() {
            let referencing = self.sqlite(catalog::referencing(self.conn, &tables[next].name))?;
            for other in referencing {
                if tables.iter().any(|table| table.name == other) {
                    continue;
                }
                if !cascades {
                    let message = "cannot truncate a table referenced in a foreign key constraint";
                    let detail = format!("Table \"{other}\" references \"{}\".", tables[next].name);
                    return Err(SqlError::new(state::FEATURE_NOT_SUPPORTED, message).detail(detail));
                }
                tables.extend(self.sqlite(catalog::table(self.conn, &other))?);
            }
            next += 1;
        }
        let restart = *identity == Some(TruncateIdentityOption::Restart);
        let restarted =
            tables.iter().filter(|_| restart).flat_map(|table| &table.columns).filter_map(sequence_of).collect();
        // The last of the tables found references none of those before it.
        let statements = tables.iter().rev().map(|table| format!("DELETE FROM {}", quoted(&table.name))).collect();
        Ok(Define { statements, tag: "TRUNCATE TABLE".to_owned(), restarted, ..Define::default() })
    }
}

//! ALTER TABLE, as far as SQLite alters tables: columns added, dropped and renamed, tables renamed, unique constraints.

use sqlparser::ast::{
    AlterTable, AlterTableOperation, ColumnDef, ColumnOption, ColumnOptionDef, Ident, RenameTableNameKind,
    TableConstraint,
};

use super::super::catalog::{self, Column, Table, quoted};
use super::super::error::{SqlError, SqlResult, state};
use super::table::{check_unique, column_clause, constraint_name, plain_columns};
use super::{Compiler, Define, folded, refuse, relation_name, undefined_table};

impl Compiler<'_> {
    pub(super) fn alter_table(&mut self, alter: &AlterTable) -> SqlResult<Define> {
        let AlterTable {
            name,
            if_exists,
            only: _,
            operations,
            location: None,
            on_cluster: None,
            table_type: None,
            end_token: _,
        } = alter
        else {
            return Err(SqlError::syntax("syntax error in ALTER TABLE"));
        };
        let name = relation_name(name)?;
        let mut define = Define { tag: "ALTER TABLE".to_owned(), ..Define::default() };
        let Some(table) = self.sqlite(catalog::table(self.conn, &name))? else {
            return if *if_exists { Ok(define) } else { Err(undefined_table(&name)) };
        };
        for operation in operations {
            self.alter_operation(operation, &table, &mut define)?;
        }
        Ok(define)
    }

    fn alter_operation(
        &mut self,
        operation: &AlterTableOperation,
        table: &Table,
        define: &mut Define,
    ) -> SqlResult<()> {
        let target = quoted(&table.name);
        match operation {
            AlterTableOperation::AddColumn { column_keyword: _, if_not_exists, column_def, column_position: None } => {
                let name = folded(&column_def.name);
                if table.column(&name).is_some() {
                    if *if_not_exists {
                        return Ok(());
                    }
                    let message = format!("column \"{name}\" of relation \"{}\" already exists", table.name);
                    return Err(SqlError::new(state::DUPLICATE_COLUMN, message));
                }
                self.add_column(&name, column_def, table, define)
            }
            AlterTableOperation::DropColumn { has_column_keyword: _, column_names, if_exists, drop_behavior: _ } => {
                for name in column_names {
                    self.drop_column(&folded(name), *if_exists, table, define)?;
                }
                Ok(())
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                let (old, new) = (existing(table, old_column_name)?.name.clone(), folded(new_column_name));
                if table.column(&new).is_some() {
                    let message = format!("column \"{new}\" of relation \"{}\" already exists", table.name);
                    return Err(SqlError::new(state::DUPLICATE_COLUMN, message));
                }
                define.statements.push(format!(
                    "ALTER TABLE {target} RENAME COLUMN {} TO {}",
                    quoted(&old),
                    quoted(&new)
                ));
                Ok(())
            }
            AlterTableOperation::RenameTable { table_name: RenameTableNameKind::To(name) } => {
                let new = relation_name(name)?;
                if self.sqlite(catalog::is_taken(self.conn, &new))? {
                    return Err(SqlError::new(state::DUPLICATE_TABLE, format!("relation \"{new}\" already exists")));
                }
                define.statements.push(format!("ALTER TABLE {target} RENAME TO {}", quoted(&new)));
                Ok(())
            }
            AlterTableOperation::AddConstraint { constraint: TableConstraint::Unique(unique), not_valid: false } => {
                check_unique(unique)?;
                let columns = plain_columns(&unique.columns)?;
                for column in &columns {
                    let column = existing(table, &Ident::with_quote('"', column))?;
                    refuse(column.ty.is_json(), "keys of json columns")?;
                }
                let default = self.free_name(&format!("{}_{}_key", table.name, columns.join("_")), &[])?;
                let name = constraint_name(unique.name.as_ref(), || default);
                let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
                define.statements.push(format!(
                    "CREATE UNIQUE INDEX {} ON {target} ({})",
                    quoted(&name),
                    columns.join(", ")
                ));
                Ok(())
            }
            AlterTableOperation::DropConstraint { if_exists, name, drop_behavior: _ } => {
                self.drop_constraint(&folded(name), *if_exists, table, define)
            }
            // Who owns a table changes no answer.
            AlterTableOperation::OwnerTo { .. } => Ok(()),
            other => Err(SqlError::unsupported(format!("ALTER TABLE ... {other}"))),
        }
    }

    fn add_column(&mut self, name: &str, definition: &ColumnDef, table: &Table, define: &mut Define) -> SqlResult<()> {
        let mut column: Column = self.column(name.to_owned(), definition, &table.name, &mut define.restarted)?;
        let mut after = Vec::new();
        for ColumnOptionDef { name: constraint, option } in &definition.options {
            match option {
                ColumnOption::Unique(unique) => {
                    check_unique(unique)?;
                    refuse(column.ty.is_json(), "keys of json columns")?;
                    let default = self.free_name(&format!("{}_{name}_key", table.name), &[])?;
                    let index = constraint_name(constraint.as_ref(), || default);
                    after.push(format!(
                        "CREATE UNIQUE INDEX {} ON {} ({})",
                        quoted(&index),
                        quoted(&table.name),
                        quoted(name)
                    ));
                }
                other => self.column_option(other, &mut column, &table.name, &mut define.restarted)?,
            }
        }
        define.statements.push(format!("ALTER TABLE {} ADD COLUMN {}", quoted(&table.name), column_clause(&column)));
        define.statements.extend(after);
        Ok(())
    }

    fn drop_column(&mut self, name: &str, if_exists: bool, table: &Table, define: &mut Define) -> SqlResult<()> {
        if table.column(name).is_none() && if_exists {
            return Ok(());
        }
        existing(table, &Ident::with_quote('"', name))?;
        refuse(table.primary_key.iter().any(|key| key == name), "dropping a column of the primary key")?;
        // Indexes go with the column, as in Postgres; SQLite wants it said.
        for index in self.sqlite(catalog::indexes(self.conn, &table.name))? {
            if index.columns.iter().any(|column| column.as_deref() == Some(name)) {
                define.statements.push(format!("DROP INDEX {}", quoted(&index.name)));
            }
        }
        define.statements.push(format!("ALTER TABLE {} DROP COLUMN {}", quoted(&table.name), quoted(name)));
        Ok(())
    }

    fn drop_constraint(&mut self, name: &str, if_exists: bool, table: &Table, define: &mut Define) -> SqlResult<()> {
        let indexes = self.sqlite(catalog::indexes(self.conn, &table.name))?;
        let Some(index) = indexes.iter().find(|index| index.name == name && index.unique) else {
            if if_exists {
                return Ok(());
            }
            let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name);
            // Or it is a check or a foreign key, which SQLite cannot drop.
            return Err(SqlError::new(state::UNDEFINED_OBJECT, message).beyond(true));
        };
        let columns: Option<Vec<String>> = index.columns.iter().cloned().collect();
        refuse(columns.as_ref() == Some(&table.primary_key), "dropping a primary key")?;
        define.statements.push(format!("DROP INDEX {}", quoted(name)));
        Ok(())
    }
}

fn existing<'t>(table: &'t Table, name: &Ident) -> SqlResult<&'t Column> {
    let name = folded(name);
    table.column(&name).ok_or_else(|| {
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
        SqlError::new(state::UNDEFINED_COLUMN, message)
    })
}

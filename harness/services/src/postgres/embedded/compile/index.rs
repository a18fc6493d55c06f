//! CREATE INDEX.

use sqlparser::ast::{CreateIndex, Expr, IndexColumn, IndexType, OrderByExpr, OrderBySort};

use super::super::catalog::{self, quoted};
use super::super::error::{SqlError, SqlResult, state};
use super::scope::{Relation, Scope};
use super::{Compiler, Define, folded, refuse, relation_name};

impl Compiler<'_> {
    pub(super) fn create_index(&mut self, create: &CreateIndex) -> SqlResult<Define> {
        let CreateIndex {
            name,
            table_name,
            using,
            columns,
            unique,
            concurrently: _,
            r#async: false,
            if_not_exists,
            include: _,
            nulls_distinct,
            with: _,
            predicate,
            index_options,
            alter_options,
        } = create
        else {
            return Err(SqlError::syntax("syntax error in CREATE INDEX"));
        };
        refuse(*nulls_distinct == Some(false), "NULLS NOT DISTINCT")?;
        refuse(!index_options.is_empty() || !alter_options.is_empty(), "these options of CREATE INDEX")?;
        let table = self.table(table_name)?;
        let mut define = Define { tag: "CREATE INDEX".to_owned(), ..Define::default() };
        let name = match name {
            Some(name) => relation_name(name)?,
            None => {
                let parts: Vec<String> =
                    columns.iter().map(|column| super::select::output_name(&column.column.expr)).collect();
                self.free_name(&format!("{}_{}_idx", table.name, parts.join("_").replace("?column?", "expr")), &[])?
            }
        };
        if self.sqlite(catalog::is_taken(self.conn, &name))? {
            if *if_not_exists {
                return Ok(define);
            }
            return Err(SqlError::new(state::DUPLICATE_TABLE, format!("relation \"{name}\" already exists")));
        }
        let scope = Scope::bare(Relation::of_table(&table, table.name.clone(), ""));
        let mut terms = Vec::new();
        for IndexColumn { column, operator_class: _ } in columns {
            terms.push(self.index_term(column, *unique, &scope)?);
        }
        let predicate =
            predicate.as_ref().map(|predicate| self.condition(predicate, &scope, "index predicate")).transpose()?;
        let ordered = matches!(using, None | Some(IndexType::BTree | IndexType::Hash));
        let condition = match (ordered, predicate) {
            // GIN and its kin have no counterpart. An index without rows keeps the name, costs nothing and changes no answer.
            (false, _) => " WHERE 0".to_owned(),
            (true, Some(predicate)) => format!(" WHERE {predicate}"),
            (true, None) => String::new(),
        };
        let word = if *unique { "UNIQUE INDEX" } else { "INDEX" };
        let schema = if table.temporary { "temp." } else { "" };
        define.statements.push(format!(
            "CREATE {word} {schema}{} ON {} ({}){condition}",
            quoted(&name),
            quoted(&table.name),
            terms.join(", ")
        ));
        Ok(define)
    }

    fn index_term(&mut self, column: &OrderByExpr, unique: bool, scope: &Scope<'_>) -> SqlResult<String> {
        // Where nulls are sorted in an index changes no answer.
        let descending = matches!(column.options.sort, Some(OrderBySort::Desc));
        let sql = match &column.expr {
            Expr::Identifier(name) => {
                let found = scope.column(None, &folded(name))?;
                refuse(unique && found.ty.is_json(), "unique indexes on json columns")?;
                found.sql
            }
            expr => self.expression(expr, scope, None)?.sql,
        };
        Ok(format!("{sql}{}", if descending { " DESC" } else { "" }))
    }
}

package analyzer

import (
	"errors"
	"fmt"
	"strings"

	sql "github.com/goccy/go-googlesql"
)

// script is one that is being walked.
type script struct {
	*Analyzer
	text    string
	own     *sql.SimpleCatalog // variables and temporary tables
	catalog *sql.MultiCatalog  // own, then all tables
	names   map[string]bool    // of what is in own
	started bool               // with something else than DECLARE
}

// Check analyzes every statement of a script, or the only one. The error says
// what is wrong with the first that BigQuery would refuse, and where.
func (a *Analyzer) Check(text string) error {
	s, err := a.newScript(text)
	if err != nil {
		return err
	}
	options, err := a.scriptOptions.GetParserOptions() // a new one's SetLanguageOptions does nothing
	if err != nil {
		return err
	}
	messages, err := a.scriptOptions.ErrorMessageOptions()
	if err != nil {
		return err
	}
	parsed, err := sql.ParseScript(text, options, messages)
	if err != nil {
		return err
	}
	a.kept = append(a.kept, options, parsed)
	tree, err := parsed.Script()
	if err != nil {
		return err
	}
	list, err := tree.StatementListNode()
	if err != nil {
		return err
	}
	return s.statements(list)
}

func (a *Analyzer) newScript(text string) (*script, error) {
	own, err := sql.NewSimpleCatalog("script", a.types)
	if err != nil {
		return nil, err
	}
	all, err := sql.NewMultiCatalogCreate("script and project", []sql.CatalogNode{own, a.catalog})
	if err != nil {
		return nil, err
	}
	s := &script{Analyzer: a, text: text, own: own, catalog: all, names: map[string]bool{}}
	a.kept = append(a.kept, s)
	return s, nil
}

func (s *script) statements(list *sql.ASTStatementList) error {
	n, err := list.NumChildren()
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("a list of statements is empty")
	}
	for i := range n {
		statement, err := list.StatementList(i)
		if err != nil {
			return err
		}
		if err := s.statement(statement); err != nil {
			return err
		}
	}
	return nil
}

// statement analyzes one, of whatever kind.
func (s *script) statement(statement sql.ASTStatementNode) error {
	if d, ok := statement.(*sql.ASTVariableDeclaration); ok {
		return s.declare(d)
	}
	s.started = true
	switch n := statement.(type) {
	case *sql.ASTSingleAssignment:
		return s.set(n)
	case *sql.ASTAssignmentFromStruct:
		return s.setAll(n)
	case *sql.ASTIfStatement:
		return s.branch(n)
	case *sql.ASTRaiseStatement:
		return s.raise(n)
	case *sql.ASTCreateTableStatement:
		return s.createTemp(n)
	case *sql.ASTQueryStatement, *sql.ASTInsertStatement, *sql.ASTUpdateStatement, *sql.ASTDeleteStatement,
		*sql.ASTMergeStatement, *sql.ASTBeginStatement, *sql.ASTCommitStatement, *sql.ASTRollbackStatement:
		_, err := s.resolve(n)
		return err
	default:
		kind, err := n.GetNodeKindString()
		return s.at(n, errors.Join(fmt.Errorf("the analyzer's script.go does not know statements of the kind %s", kind), err))
	}
}

// resolve has the library analyze a statement that stands for itself.
func (s *script) resolve(statement sql.ASTStatementNode) (sql.ResolvedStatementNode, error) {
	out, err := sql.AnalyzeStatementFromParserAST(statement, s.scriptOptions, s.text, s.catalog, s.types)
	if err != nil {
		return nil, err
	}
	s.kept = append(s.kept, out)
	return out.ResolvedStatement()
}

// branch is IF … THEN … ELSEIF … ELSE … END IF.
func (s *script) branch(n *sql.ASTIfStatement) error {
	condition, err := n.Condition()
	if err != nil {
		return err
	}
	then, err := n.ThenList()
	if err != nil {
		return err
	}
	if err := s.arm(condition, then); err != nil {
		return err
	}
	clauses, err := n.ElseifClauses()
	if err != nil {
		return err
	}
	if clauses != nil {
		if err := s.elseifs(clauses); err != nil {
			return err
		}
	}
	otherwise, err := n.ElseList()
	if err != nil || otherwise == nil {
		return err
	}
	return s.statements(otherwise)
}

func (s *script) elseifs(clauses *sql.ASTElseifClauseList) error {
	n, err := clauses.NumChildren()
	if err != nil {
		return err
	}
	for i := range n {
		clause, err := clauses.ElseifClauses(i)
		if err != nil {
			return err
		}
		condition, err := clause.Condition()
		if err != nil {
			return err
		}
		body, err := clause.Body()
		if err != nil {
			return err
		}
		if err := s.arm(condition, body); err != nil {
			return err
		}
	}
	return nil
}

func (s *script) arm(condition sql.ASTExpressionNode, body *sql.ASTStatementList) error {
	if err := s.expect(condition, "BOOL"); err != nil {
		return err
	}
	return s.statements(body)
}

// raise is RAISE USING MESSAGE; without a message it belongs into a handler of
// errors, and no script of ours has one.
func (s *script) raise(n *sql.ASTRaiseStatement) error {
	message, err := n.Message()
	if err != nil {
		return err
	}
	if message == nil {
		return s.at(n, errors.New("RAISE without a message"))
	}
	return s.expect(message, "STRING")
}

// createTemp is CREATE TEMP TABLE … AS; what follows knows the table.
func (s *script) createTemp(n *sql.ASTCreateTableStatement) error {
	statement, err := s.resolve(n)
	if err != nil {
		return err
	}
	create, ok := statement.(*sql.ResolvedCreateTableAsSelectStmt)
	if !ok {
		return s.at(n, errors.New("CREATE TABLE without AS SELECT"))
	}
	scope, err := create.CreateScope()
	if err != nil {
		return err
	}
	if scope != sql.ResolvedCreateStatementEnums_CreateScopeCreateTemp {
		return s.at(n, errors.New("CREATE TABLE that is not TEMP: folds issue no DDL"))
	}
	path, err := create.NamePath()
	if err != nil {
		return err
	}
	definitions, err := create.ColumnDefinitionList()
	if err != nil {
		return err
	}
	columns := make([]column, len(definitions))
	for i, d := range definitions {
		if columns[i].name, err = d.Name(); err != nil {
			return err
		}
		if columns[i].Googlesql_TypeNode, err = d.Type(); err != nil {
			return err
		}
	}
	name := strings.Join(path, ".")
	if err := s.once(n, name); err != nil {
		return err
	}
	return s.addTable(s.own, name, columns)
}

// once refuses a name that the script has given already.
func (s *script) once(n sql.ASTNode, name string) error {
	key := strings.ToLower(name)
	if s.names[key] {
		return s.at(n, fmt.Errorf("%s is declared twice", name))
	}
	s.names[key] = true
	return nil
}

package analyzer

import (
	"errors"
	"fmt"
	"strings"

	sql "github.com/goccy/go-googlesql"
)

// declare is DECLARE a, b TYPE DEFAULT expression. A variable is a constant of
// its type, as which statements read it, and a table of one column, into which
// assignments insert: that is how the library says what can be assigned.
func (s *script) declare(n *sql.ASTVariableDeclaration) error {
	if s.started {
		return s.at(n, errors.New("DECLARE is only allowed at the start of a script"))
	}
	t, err := s.declaredType(n)
	if err != nil {
		return err
	}
	value, err := n.DefaultValue()
	if err != nil {
		return err
	}
	if value != nil {
		if _, err := s.typeOf(value); err != nil { // by what was declared before
			return err
		}
	}
	list, err := n.VariableList()
	if err != nil {
		return err
	}
	names, err := identifiers(list)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := s.addVariable(n, name, t)
		if err == nil && value != nil {
			err = s.assign(name, value, "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *script) declaredType(n *sql.ASTVariableDeclaration) (sql.Googlesql_TypeNode, error) {
	typed, err := n.Type()
	if err != nil {
		return nil, err
	}
	if typed == nil {
		return nil, s.at(n, errors.New("the analyzer's assign.go does not know DECLARE without a type"))
	}
	name, err := s.textOf(typed)
	if err != nil {
		return nil, err
	}
	t, err := s.typeNamed(name)
	if err != nil {
		return nil, s.at(typed, err)
	}
	return t, nil
}

func (s *script) addVariable(n sql.ASTNode, name string, t sql.Googlesql_TypeNode) error {
	if err := s.once(n, targetOf(name)); err != nil {
		return err
	}
	value, err := sql.NewValueNull(t)
	if err != nil {
		return err
	}
	constant, err := sql.NewSimpleConstantCreate([]string{name}, value)
	if err != nil {
		return err
	}
	s.kept = append(s.kept, value, constant)
	if err := s.own.AddConstant(constant); err != nil {
		return err
	}
	return s.addTable(s.own, targetOf(name), []column{{"value", t}})
}

// targetOf is the table that stands for a variable where it is assigned to.
func targetOf(variable string) string { return "variable " + variable }

// set is SET a = expression.
func (s *script) set(n *sql.ASTSingleAssignment) error {
	variable, err := n.Variable()
	if err != nil {
		return err
	}
	name, err := variable.GetAsString()
	if err != nil {
		return err
	}
	value, err := n.Expression()
	if err != nil {
		return err
	}
	return s.assign(name, value, "")
}

// setAll is SET (a, b) = struct.
func (s *script) setAll(n *sql.ASTAssignmentFromStruct) error {
	list, err := n.Variables()
	if err != nil {
		return err
	}
	names, err := identifiers(list)
	if err != nil {
		return err
	}
	value, err := n.StructExpression()
	if err != nil {
		return err
	}
	t, err := s.typeOf(value)
	if err != nil {
		return err
	}
	fields, err := t.AsStruct()
	if err != nil {
		return err
	}
	if fields == nil {
		return s.at(value, errors.New("not a STRUCT"))
	}
	count, err := fields.NumFields()
	if err != nil {
		return err
	}
	if int(count) != len(names) {
		return s.at(value, fmt.Errorf("%d variables are set to %d fields", len(names), count))
	}
	for i, name := range names {
		if err := s.assign(name, value, fmt.Sprintf("[OFFSET(%d)]", i)); err != nil {
			return err
		}
	}
	return nil
}

// assign checks that a variable can take a value, or the part of it that the
// subscript says.
func (s *script) assign(name string, value sql.ASTExpressionNode, subscript string) error {
	if _, err := s.typeOf(value); err != nil {
		return err // with the place, which the statement below has not
	}
	if !s.names[strings.ToLower(targetOf(name))] {
		return s.at(value, fmt.Errorf("undeclared variable %s", name))
	}
	text, err := s.textOf(value)
	if err != nil {
		return err
	}
	insert := fmt.Sprintf("INSERT INTO `%s` (value) VALUES ((%s)%s)", targetOf(name), text, subscript)
	out, err := sql.AnalyzeStatement(insert, s.scriptOptions, s.catalog, s.types)
	if err != nil {
		return s.at(value, fmt.Errorf("set %s: %s", name, withoutPlace(err)))
	}
	s.kept = append(s.kept, out)
	return nil
}

// expect analyzes an expression that must be of a type.
func (s *script) expect(value sql.ASTExpressionNode, typeName string) error {
	want, err := s.typeNamed(typeName)
	if err != nil {
		return err
	}
	got, err := s.typeOf(value)
	if err != nil {
		return err
	}
	same, err := got.Equals(want)
	if err != nil || same {
		return err
	}
	name, err := got.DebugString(false)
	return s.at(value, errors.Join(fmt.Errorf("%s where %s is expected", name, typeName), err))
}

// typeOf analyzes an expression. All that stands before it is blanked out, so
// that the error has the right place.
func (s *script) typeOf(value sql.ASTExpressionNode) (sql.Googlesql_TypeNode, error) {
	from, to, err := s.span(value)
	if err != nil {
		return nil, err
	}
	out, err := sql.AnalyzeExpression(blank(s.text[:from])+s.text[from:to], s.scriptOptions, s.catalog, s.types)
	if err != nil {
		return nil, err
	}
	s.kept = append(s.kept, out)
	resolved, err := out.ResolvedExpr()
	if err != nil {
		return nil, err
	}
	return resolved.Type()
}

func identifiers(list *sql.ASTIdentifierList) ([]string, error) {
	n, err := list.NumChildren()
	if err != nil {
		return nil, err
	}
	names := make([]string, n)
	for i := range n {
		id, err := list.IdentifierList(i)
		if err != nil {
			return nil, err
		}
		if names[i], err = id.GetAsString(); err != nil {
			return nil, err
		}
	}
	return names, nil
}

/* The language of docs/language.md: text to frontend/ast.h.  It has no conflict. */
%require "3.8"
%define api.pure full
%define api.location.type {Location}
%define parse.error custom
%define parse.lac full
%locations
%param {Parse *p}
%code requires {
#include "frontend/parse.h"
}
%code provides {
/* A raw token of frontend/lexer.l. */
int lexer_scan(YYSTYPE *value, Location *at, void *scanner);
/* The tokens that yyparse reads, in frontend/parse.c. */
int yylex(YYSTYPE *value, Location *at, Parse *p);
void yyerror(const Location *at, Parse *p, const char *message);
}
%code {
#include <math.h>
#define YYINITDEPTH 1500 /* no allocation of its own */
#define YYMAXDEPTH 1500
#define YYLLOC_DEFAULT(now, rhs, n)                                                                          \
    do {                                                                                                     \
        if (n) {                                                                                             \
            (now) = YYRHSLOC(rhs, 1);                                                                        \
            (now).last_line = YYRHSLOC(rhs, n).last_line;                                                    \
            (now).last_column = YYRHSLOC(rhs, n).last_column;                                                \
        } else {                                                                                             \
            (now) = YYRHSLOC(rhs, 0);                                                                        \
            (now).first_line = (now).last_line;                                                              \
            (now).first_column = (now).last_column;                                                          \
        }                                                                                                    \
    } while (0)
static const AstArgs no_args;
static const AstStatements no_statements;
}
%union {
    TokenText token;
    const char *word;
    AstExpr *expr;
    AstArg *arg;
    AstArgs args;
    AstType *type;
    AstParams params;
    AstNotes notes;
    AstStatement *statement;
    AstStatements statements;
    AstEntries entries;
    AstTop *top;
}
%token END 0 "end of file"
%token MODEL "model" BLOCK "block" OPERATOR "op" EXTERN "extern" DEPLOY "deploy" DIM "dim" WEIGHTS "weights"
%token INPUT "input" OUTPUT "output" PREPROCESS "preprocess" STATE "state" NEXT "next" GROUP "group" RETURN "return"
%token REPEAT "repeat" SHARE "share" SCAN "scan" LOOP "loop" WHILE "while" OVER "over" AS "as"
%token IF "if" WHEN "when" THEN "then" ELSE "else" AND "and" OR "or"
%token NOT "not" ON "on" YES "yes" NO "no" INF "inf" NAN_ "nan" NONE "none"
%token <token> NAME "name" STRING "string" INTEGER "integer" REAL "number" MEASURE "measure" EXTENT "extent"
%token PIPE "|>" RANGE ".." EQUAL "==" UNEQUAL "!=" AT_MOST "<=" AT_LEAST ">=" NEWLINE "newline" BAD "bad token"
%type <word> word name docopt key plainkey loopword counter on
%type <expr> expr primary target dim over choice whiles
%type <arg> arg attr item returned keep
%type <args> args attrs attrlist values dims carried scanned kept keeps items list
%type <type> type types
%type <params> params words
%type <notes> notes
%type <statement> statement bind bound
%type <statements> body statements otherwise
%type <entries> entries
%type <top> top
%precedence ELSE
%precedence PIPE
%left OR
%left AND
%precedence NOT
%nonassoc EQUAL UNEQUAL AT_MOST AT_LEAST '<' '>'
%left '+' '-'
%left '*' '/'
%precedence NEGATIVE
%%
file: version NEWLINE tops ;
version: NAME INTEGER                { ast_version(p, &$2, NULL, NULL, NULL, &@$); }
       | NAME INTEGER NAME NAME      { ast_version(p, &$2, $3.text, $4.text, &@4, &@$); } ;
tops: %empty | tops top NEWLINE | tops error NEWLINE { yyerrok; } ;

top: MODEL name docopt '{' body '}'  { $$ = ast_top(p, AST_MODEL, $2, &@2, &@$); $$->doc = $3; $$->body = $5;
                                       $$->body.end_line = @6.last_line; }
   | BLOCK word '(' params ')' '{' body '}'
                                     { $$ = ast_top(p, AST_BLOCK, $2, &@2, &@$); $$->params = $4; $$->body = $7;
                                       $$->body.end_line = @8.last_line; }
   | OPERATOR word '(' words ')' '=' expr
                                     { $$ = ast_top(p, AST_OPERATOR, $2, &@2, &@$); $$->params = $4; $$->value = $7; }
   | EXTERN OPERATOR word '(' params ')' ':' type
                                     { $$ = ast_top(p, AST_EXTERN, $3, &@3, &@$); $$->params = $5; $$->result = $8; }
   | DEPLOY word '{' entries '}'     { $$ = ast_top(p, AST_DEPLOY, $2, &@2, &@$); $$->entries = $4;
                                       $$->entries.end_line = @5.last_line; }
   | MODEL error '{' body '}'        { $$ = NULL; }
   | BLOCK error '{' body '}'        { $$ = NULL; }
   | DEPLOY error '{' entries '}'    { $$ = NULL; } ;
docopt: %empty                       { $$ = NULL; }
      | STRING                       { $$ = $1.text; } ;
words: word                          { $$ = ast_params(p, (AstParams){0}, $1, &@1, NULL, NULL); }
     | words ',' word                { $$ = ast_params(p, $1, $3, &@3, NULL, NULL); } ;
params: word ':' type                { $$ = ast_params(p, (AstParams){0}, $1, &@1, $3, NULL); }
      | word ':' type '=' expr       { $$ = ast_params(p, (AstParams){0}, $1, &@1, $3, $5); }
      | params ',' word ':' type     { $$ = ast_params(p, $1, $3, &@3, $5, NULL); }
      | params ',' word ':' type '=' expr { $$ = ast_params(p, $1, $3, &@3, $5, $7); } ;

type: word                           { $$ = ast_type(p, $1, &@$, false, no_args); }
    | word '[' ']'                   { $$ = ast_type(p, $1, &@$, true, no_args); }
    | word '[' dims ']'              { $$ = ast_type(p, $1, &@$, true, $3); }
    | '(' types ')'                  { $$ = $2; $$->at = parse_span(p, &@$); } ;
types: type                          { $$ = ast_type(p, NULL, &@$, false, no_args);
                                       $$->members = $$->last_member = $1; }
     | types ',' type                { $$ = $1; $$->last_member->next = $3; $$->last_member = $3; } ;
dims: dim                            { $$ = ast_args(no_args, ast_arg(p, NULL, &@1, $1)); }
    | dims ',' dim                   { $$ = ast_args($1, ast_arg(p, NULL, &@3, $3)); } ;
dim: expr ;

body: statements ;
statements: %empty                   { $$ = no_statements; }
          | statements statement NEWLINE { $$ = ast_statements($1, $2); }
          | statements error NEWLINE { $$ = $1; yyerrok; } ;
statement: DIM word '=' bound        { $$ = $4; $$->name = $2; $$->name_at = parse_span(p, &@2);
                                       $$->at = parse_span(p, &@$);
                                       $$->first_line = @$.first_line; }
  | WEIGHTS attrlist                 { $$ = ast_statement(p, AST_WEIGHTS, &@$); $$->attrs = $2; }
  | WEIGHTS STRING attrs             { $$ = ast_statement(p, AST_WEIGHTS, &@$);
                                       $$->value = ast_leaf(p, AST_STRING, &$2, &@2);
                                       $$->attrs = $3; }
  | INPUT name ':' type notes        { $$ = ast_statement(p, AST_INPUT, &@$); $$->name = $2; $$->type = $4;
                                       $$->notes = $5;
                                       $$->name_at = parse_span(p, &@2); }
  | STATE name ':' type '=' expr notes
                                     { $$ = ast_statement(p, AST_STATE, &@$); $$->name = $2; $$->type = $4;
                                       $$->value = $6; $$->notes = $7;
                                       $$->name_at = parse_span(p, &@2); }
  | NEXT name '=' expr notes         { $$ = ast_statement(p, AST_NEXT, &@$); $$->name = $2; $$->value = $4;
                                       $$->notes = $5;
                                       $$->name_at = parse_span(p, &@2); }
  | PREPROCESS bind notes            { $$ = $2; $$->preprocess = true; $$->notes = $3;
                                       $$->first_line = @$.first_line; }
  | OUTPUT bind attrs notes          { $$ = $2; $$->kind = AST_OUTPUT; $$->attrs = $3; $$->notes = $4;
                                       $$->first_line = @$.first_line; $$->last_line = @$.last_line; }
  | bind notes                       { $$ = $1; $$->notes = $2; $$->last_line = @$.last_line; }
  | RETURN values                    { $$ = ast_statement(p, AST_RETURN, &@$); $$->attrs = $2; }
  | expr                             { $$ = ast_statement(p, AST_EXPRESSION, &@$); $$->value = $1; }
  | GROUP name notes '{' body '}'    { $$ = ast_statement(p, AST_GROUP, &@$); $$->name = $2; $$->notes = $3;
                                       $$->body = $5;
                                       $$->name_at = parse_span(p, &@2); $$->body.end_line = @6.last_line; } ;
bound: INTEGER                       { $$ = ast_statement(p, AST_DIM, &@$); $$->low = $$->high = $1.integer; }
     | INTEGER RANGE INTEGER         { $$ = ast_statement(p, AST_DIM, &@$); $$->low = $1.integer;
                                       $$->high = $3.integer;
                                       $$->bounded = true; } ;
bind: name '=' expr                  { $$ = ast_statement(p, AST_BIND, &@$); $$->name = $1; $$->value = $3;
                                       $$->name_at = parse_span(p, &@1); }
    | name ':' type '=' expr         { $$ = ast_statement(p, AST_BIND, &@$); $$->name = $1; $$->type = $3;
                                       $$->value = $5;
                                       $$->name_at = parse_span(p, &@1); } ;
notes: %empty                        { $$ = (AstNotes){0}; }
     | notes '@' NAME '(' args ')'   { Location at = @2; at.last_column = @3.last_column;
                                       $$ = ast_notes(p, $1, $3.text, &at, $5); } ;
values: returned                     { $$ = ast_args(no_args, $1); }
      | values ',' returned          { $$ = ast_args($1, $3); } ;
returned: over                       { $$ = ast_arg(p, NULL, &@1, $1); }
        | name ':' over              { $$ = ast_arg(p, $1, &@1, $3); } ;
attrs: %empty                        { $$ = no_args; }
     | attrlist ;
attrlist: attr                       { $$ = ast_args(no_args, $1); }
        | attrlist attr              { $$ = ast_args($1, $2); } ;
attr: plainkey ':' expr              { $$ = ast_arg(p, $1, &@1, $3); } ;

entries: %empty                      { $$ = (AstEntries){0}; }
       | entries plainkey ':' items NEWLINE { $$ = ast_entries(p, $1, $2, &@2, $4); }
       | entries error NEWLINE       { $$ = $1; yyerrok; } ;
items: item                          { $$ = ast_args(no_args, $1); }
     | expr                          { $$ = ast_args(no_args, ast_arg(p, NULL, &@1, $1)); }
     | items item                    { $$ = ast_args($1, $2); }
     | items ',' item                { $3->comma = true; $$ = ast_args($1, $3); }
     | items ',' expr                { AstArg *one = ast_arg(p, NULL, &@3, $3); one->comma = true;
                                       $$ = ast_args($1, one); } ;
item: attr on                        { $$ = $1; $$->on = $2; } ;
on: %empty                           { $$ = NULL; }
  | ON STRING                        { $$ = $2.written; } ;

expr: primary
    | expr PIPE target               { $$ = ast_pipe(p, &@$, $1, $3); }
    | expr '+' expr                  { $$ = ast_binary(p, "+", &@$, $1, $3); }
    | expr '-' expr                  { $$ = ast_binary(p, "-", &@$, $1, $3); }
    | expr '*' expr                  { $$ = ast_binary(p, "*", &@$, $1, $3); }
    | expr '/' expr                  { $$ = ast_binary(p, "/", &@$, $1, $3); }
    | expr EQUAL expr                { $$ = ast_binary(p, "==", &@$, $1, $3); }
    | expr UNEQUAL expr              { $$ = ast_binary(p, "!=", &@$, $1, $3); }
    | expr AT_MOST expr              { $$ = ast_binary(p, "<=", &@$, $1, $3); }
    | expr AT_LEAST expr             { $$ = ast_binary(p, ">=", &@$, $1, $3); }
    | expr '<' expr                  { $$ = ast_binary(p, "<", &@$, $1, $3); }
    | expr '>' expr                  { $$ = ast_binary(p, ">", &@$, $1, $3); }
    | expr AND expr                  { $$ = ast_binary(p, "and", &@$, $1, $3); }
    | expr OR expr                   { $$ = ast_binary(p, "or", &@$, $1, $3); }
    | NOT expr                       { $$ = ast_unary(p, AST_NOT, &@$, $2); }
    | '-' expr %prec NEGATIVE        { $$ = ast_unary(p, AST_NEGATE, &@$, $2); }
    | WHEN expr THEN expr ELSE expr  { $$ = ast_when(p, &@$, $2, $4, $6); }
    | choice
    | loopword expr AS word '(' carried ')' '{' body '}'
                                     { AstLoop loop = {.count = $2, .variable = $4, .carried = $6, .body = $9};
                                       loop.body.end_line = @10.last_line;
                                       Location head = @$; head.last_line = @4.last_line;
                                       head.last_column = @4.last_column;
                                       $$ = ast_loop(p, $1, &head, loop); }
    | SCAN scanned '(' kept ')' whiles '{' body '}'
                                     { AstLoop loop = {.scanned = $2, .carried = $4, .condition = $6, .body = $8};
                                       loop.body.end_line = @9.last_line;
                                       Location head = @$; head.last_line = @2.last_line;
                                       head.last_column = @2.last_column;
                                       $$ = ast_loop(p, "scan", &head, loop); }
    | LOOP expr AS counter '(' kept ')' whiles '{' body '}'
                                     { AstLoop loop = {.count = $2, .variable = $4, .carried = $6, .condition = $8,
                                                       .body = $10};
                                       loop.body.end_line = @11.last_line;
                                       Location head = @$; head.last_line = @4.last_line;
                                       head.last_column = @4.last_column;
                                       $$ = ast_loop(p, "loop", &head, loop); }
    | LOOP '(' kept ')' WHILE expr '{' body '}'
                                     { AstLoop loop = {.carried = $3, .condition = $6, .body = $8};
                                       loop.body.end_line = @9.last_line;
                                       Location head = @$; head.last_line = @6.last_line;
                                       head.last_column = @6.last_column;
                                       $$ = ast_loop(p, "loop", &head, loop); } ;
whiles: %empty                       { $$ = NULL; }
      | WHILE expr                   { $$ = $2; } ;
counter: word
       | NONE                        { $$ = NULL; } ;
choice: IF expr '{' body '}' ELSE otherwise
                                     { Location head = @$; head.last_line = @2.last_line;
                                       head.last_column = @2.last_column;
                                       AstStatements yes = $4;
                                       yes.end_line = @5.last_line;
                                       $$ = ast_if(p, &head, $2, yes, $7); } ;
otherwise: '{' body '}'              { $$ = $2; $$.end_line = @3.last_line; }
         | choice                    { AstStatement *one = ast_statement(p, AST_EXPRESSION, &@1);
                                       one->value = $1;
                                       $$ = ast_statements(no_statements, one); } ;
loopword: REPEAT                     { $$ = "repeat"; }
        | SHARE                      { $$ = "share"; } ;
carried: word '=' expr               { $$ = ast_args(no_args, ast_arg(p, $1, &@1, $3)); }
       | carried ',' word '=' expr   { $$ = ast_args($1, ast_arg(p, $3, &@3, $5)); } ;
scanned: over AS name                { $$ = ast_args(no_args, ast_arg(p, $3, &@3, $1)); }
       | scanned ',' over AS name    { $$ = ast_args($1, ast_arg(p, $5, &@5, $3)); } ;
over: expr
    | expr OVER expr                 { $$ = ast_binary(p, "over", &@$, $1, $3); } ;
kept: %empty                         { $$ = no_args; }
    | keeps ;
keeps: keep                          { $$ = ast_args(no_args, $1); }
     | keeps ',' keep                { $$ = ast_args($1, $3); } ;
keep: name '=' expr                  { $$ = ast_arg(p, $1, &@1, $3); }
    | name ':' type '=' expr         { $$ = ast_arg(p, $1, &@1, $5); $$->type = $3; } ;
target: NAME                         { $$ = ast_leaf(p, AST_NAME, &$1, &@1); }
      | NAME '(' ')'                 { $$ = ast_node(p, AST_CALL, $1.text, &@$, no_args); }
      | NAME '(' args ')'            { $$ = ast_node(p, AST_CALL, $1.text, &@$, $3); } ;
primary: target
       | STRING                      { $$ = ast_leaf(p, AST_STRING, &$1, &@1); }
       | INTEGER                     { $$ = ast_leaf(p, AST_INTEGER, &$1, &@1); }
       | REAL                        { $$ = ast_leaf(p, AST_REAL, &$1, &@1); }
       | MEASURE                     { $$ = ast_leaf(p, AST_MEASURE, &$1, &@1); }
       | EXTENT                      { $$ = ast_extent(p, &$1, &@1); }
       | INF                         { $$ = ast_leaf(p, AST_REAL, &(TokenText){.written = "inf", .real = HUGE_VAL},
                                       &@1); }
       | NAN_                        { $$ = ast_leaf(p, AST_REAL, &(TokenText){.written = "nan",
                                       .real = (double)NAN}, &@1); }
       | YES                         { $$ = ast_leaf(p, AST_BOOL, &(TokenText){.written = "yes", .integer = 1}, &@1);
                                       }
       | NO                          { $$ = ast_leaf(p, AST_BOOL, &(TokenText){.written = "no"}, &@1); }
       | NONE                        { $$ = ast_leaf(p, AST_NONE, &(TokenText){.written = "none"}, &@1); }
       | '[' ']'                     { $$ = ast_node(p, AST_LIST, NULL, &@$, no_args); }
       | '[' list ']'                { $$ = ast_node(p, AST_LIST, NULL, &@$, $2); }
       | '(' expr ')'                { $$ = $2; } ;
list: expr                           { $$ = ast_args(no_args, ast_arg(p, NULL, &@1, $1)); }
    | list ',' expr                  { $$ = ast_args($1, ast_arg(p, NULL, &@3, $3)); } ;
args: arg                            { $$ = ast_args(no_args, $1); }
    | args ',' arg                   { $$ = ast_args($1, $3); } ;
arg: expr                            { $$ = ast_arg(p, NULL, &@1, $1); }
   | key ':' expr                   { $$ = ast_arg(p, $1, &@1, $3); }
   | STRING ':' INTEGER ':' INTEGER ':' INTEGER
                                     { uint64_t n[3] = {$3.integer, $5.integer, $7.integer};
                                       $$ = ast_arg(p, NULL, &@$, ast_span(p, &$1, &@$, n)); } ;
word: NAME                           { $$ = $1.text; } ;
name: NAME                           { $$ = $1.text; }
    | STRING                         { $$ = $1.text; } ;
plainkey: NAME                       { $$ = $1.text; }
   | MODEL { $$ = "model"; } | BLOCK { $$ = "block"; } | OPERATOR { $$ = "op"; } | EXTERN { $$ = "extern"; }
   | DEPLOY { $$ = "deploy"; }
   | DIM { $$ = "dim"; } | WEIGHTS { $$ = "weights"; } | INPUT { $$ = "input"; } | OUTPUT { $$ = "output"; }
   | PREPROCESS { $$ = "preprocess"; } | STATE { $$ = "state"; } | NEXT { $$ = "next"; } | GROUP { $$ = "group"; } ;
key: plainkey
   | RETURN { $$ = "return"; } | REPEAT { $$ = "repeat"; } | SHARE { $$ = "share"; } | SCAN { $$ = "scan"; }
   | LOOP { $$ = "loop"; } | WHILE { $$ = "while"; }
   | OVER { $$ = "over"; }
   | AS { $$ = "as"; } | IF { $$ = "if"; } | WHEN { $$ = "when"; } | THEN { $$ = "then"; } | ELSE { $$ = "else"; }
   | AND { $$ = "and"; } | OR { $$ = "or"; } | NOT { $$ = "not"; } | ON { $$ = "on"; } | YES { $$ = "yes"; }
   | NO { $$ = "no"; }
   | INF { $$ = "inf"; } | NAN_ { $$ = "nan"; } | NONE { $$ = "none"; } ;
%%
static int yyreport_syntax_error(const yypcontext_t *context, Parse *p)
{
    yysymbol_kind_t expected[YYNTOKENS];
    int kinds[YYNTOKENS], count = yypcontext_expected_tokens(context, expected, YYNTOKENS);
    for (int i = 0; i < count; i++) kinds[i] = (int)expected[i];
    parse_unexpected(p, yypcontext_location(context), (int)yypcontext_token(context), kinds, count);
    return 0;
}

const char *parse_symbol_name(int symbol) { return yysymbol_name((yysymbol_kind_t)symbol); }

/* What the printer and the parser of loop nests agree on. */
#ifndef BACKEND_LOOP_TEXT_H
#define BACKEND_LOOP_TEXT_H

/* Words that begin a statement or declaration; a name that is one of them is quoted. */
typedef enum LoopWord {
    LOOP_WORD_FUNC,
    LOOP_WORD_BUFFER,
    LOOP_WORD_REGISTER,
    LOOP_WORD_SIZE,
    LOOP_WORD_PARALLEL,
    LOOP_WORD_FOR,
    LOOP_WORD_UNROLL,
    LOOP_WORD_IF,
    LOOP_WORD_LET,
    LOOP_WORD_FILL,
    LOOP_WORD_PREFETCH,
    LOOP_WORD_TRANSPOSE,
    LOOP_WORD_PACK,
    LOOP_WORD_UNPACK,
    LOOP_WORD_CALL,
    LOOP_WORD_RESIZE,
    LOOP_WORD_COUNT
} LoopWord;

extern const char *const loop_keywords[]; /* by LoopWord; NULL-ended */

#endif

/* A second file: the same names again, a type that values.c does not know, strong over weak. */
#include "exhibit.h"

struct hidden { int secret; char word[6]; };

static struct hidden hidden_one = { 5, "psst" };
struct hidden *the_hidden = &hidden_one;
static int same_name = 222;
static int counted = 60;                /* a static local of values.c has that name */
int weak_value = 2;

int weak_answer(void)
{
	return 2;
}

int other_sum(int n)
{
	static int calls;

	calls++;
	same_name += n;
	counted += calls;
	return same_name + the_hidden->secret + counted;
}

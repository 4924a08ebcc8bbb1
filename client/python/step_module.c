/* sae_metrics._step: the short way of a plain step from Python to saem_log_step.
 *
 * Between two steps of a trainer the caches forget the interpreter, and whatever it does then costs several
 * times what it costs in a loop: through ctypes a step takes 60 us and more, here what the library takes. It is
 * taken here where all of it is plain: whole numbers, floats, counts that lie in memory in one piece. Anything
 * else, and anything that is wrong, is declined, and goes the way of step_call.py, which knows all kinds and
 * all words. So nothing is decided here that is not decided there, and where this could not be built nothing
 * but time is missed.
 *
 * Made with the limited API: one file for every Python from 3.9 on. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <string.h>
#include <structmember.h>
#include <time.h>

#include "sae_metrics.h"

#define SCALARS_MAX 256
#define STEP_MAX    2147483645
#define N_ROWS_MAX  4294967295

struct plain_step {
	PyObject head;
	__typeof__(saem_log_step) *log_step;
	__typeof__(saem_skip) *skip;
	struct saem_run *run; /* NULL: closed, all is declined */
	PyObject *positions;  /* of the scalars, by name */
	Py_ssize_t n_scalars, d_sae;
	long long n_rows; /* where a call gives none; 0: it has to */
	double seconds;   /* spent here */
};

struct numbers {
	double values[SCALARS_MAX];
	uint8_t has[SCALARS_MAX];
};

static double now_s(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- what is plain ---- */

/* That something is of no use here is no news; that somebody pressed Control-C meanwhile is. */
static void clear_error(void) {
	if (PyErr_Occurred() != NULL && PyErr_ExceptionMatches(PyExc_Exception) != 0) {
		PyErr_Clear();
	}
}

static bool take_integer(PyObject *given, long long min, long long max, long long *ret) {
	if (!PyLong_CheckExact(given)) {
		return false;
	}

	int overflow;
	long long number = PyLong_AsLongLongAndOverflow(given, &overflow);
	if (overflow != 0 || number < min || number > max) {
		return false;
	}
	*ret = number;
	return true;
}

static bool take_number(PyObject *given, double *ret) {
	if (!PyFloat_Check(given) && !PyLong_CheckExact(given)) {
		return false;
	}

	double number = PyFloat_AsDouble(given);
	if (number == -1.0 && PyErr_Occurred() != NULL) {
		clear_error();
		return false;
	}
	*ret = number;
	return true;
}

static bool take_scalars(const struct plain_step *p, PyObject *scalars, struct numbers *ret) {
	PyObject *name;
	PyObject *value;
	Py_ssize_t at = 0;

	memset(ret->has, 0, (size_t)p->n_scalars);
	while (PyDict_Next(scalars, &at, &name, &value) != 0) {
		if (value == Py_None) {
			continue;
		}
		PyObject *position = PyDict_GetItemWithError(p->positions, name);
		if (position == NULL) {
			clear_error();
			return false;
		}
		size_t i = PyLong_AsSize_t(position);
		if (!take_number(value, &ret->values[i])) {
			return false;
		}
		ret->has[i] = 1;
	}
	return true;
}

/* The type of a buffer's items; the sizes of C's integers are the machine's. */
static enum saem_counts_type type_of(const Py_buffer *view) {
	const char *format = view->format == NULL ? "B" : view->format;
	if (format[0] == '\0' || format[1] != '\0') {
		return SAEM_NO_COUNTS;
	}
	switch (format[0]) {
	case '?':
		return SAEM_BOOL;
	case 'f':
		return SAEM_F32;
	case 'd':
		return SAEM_F64;
	case 'B':
	case 'H':
	case 'I':
	case 'L':
	case 'Q':
	case 'N':
		return view->itemsize == 8   ? SAEM_U64
		       : view->itemsize == 4 ? SAEM_U32
		       : view->itemsize == 2 ? SAEM_U16
					     : SAEM_U8;
	case 'i':
	case 'l':
	case 'q':
	case 'n':
		return view->itemsize == 8 ? SAEM_I64 : SAEM_I32;
	default:
		return SAEM_NO_COUNTS;
	}
}

/* True: `view` is to be released. */
static bool take_counts(
	const struct plain_step *p, PyObject *fired, Py_buffer *view, struct saem_counts *ret) {
	if (PyObject_GetBuffer(fired, view, PyBUF_ND | PyBUF_FORMAT) < 0) {
		clear_error();
		return false;
	}

	enum saem_counts_type type = type_of(view);
	if (view->ndim != 1 || view->shape[0] != p->d_sae || type == SAEM_NO_COUNTS) {
		PyBuffer_Release(view);
		return false;
	}
	*ret = (struct saem_counts){
		.type = type,
		.data = view->buf,
		.n_entries = (uint64_t)p->d_sae,
	};
	return true;
}

/* ---- a step ---- */

/* Of both calls none lets another thread of Python's in, which could close the run. */
static int say(struct plain_step *p, uint32_t step, uint32_t n_rows,
	const struct saem_counts *fired, const struct numbers *numbers) {
	int result = p->log_step(p->run, step, n_rows, fired, NULL, numbers->values, numbers->has,
		(size_t)p->n_scalars);

	if (result < 0) {
		(void)p->skip(p->run, step); /* it leaves its place in the stream */
	}
	return result;
}

PyDoc_STRVAR(push_doc, "push(step, fired, n_rows, positive, scalars): the library's answer; None: "
		       "not plain, nothing was done.");

static PyObject *push(PyObject *self, PyObject *const *given, Py_ssize_t n_given) {
	struct plain_step *p = (struct plain_step *)(void *)self;
	double begun_s = now_s();
	long long step = 0;
	long long n_rows = p->n_rows;
	struct saem_counts counts;
	struct numbers numbers;
	Py_buffer view;
	if (n_given != 5 || !PyDict_Check(given[4])) {
		PyErr_SetString(PyExc_TypeError,
			"push: expected step, fired, n_rows, positive and a dict of scalars");
		return NULL;
	}
	PyObject *fired = given[1];

	bool is_plain = given[3] == Py_None && take_integer(given[0], 0, STEP_MAX, &step) &&
			(given[2] == Py_None ? n_rows > 0
					     : take_integer(given[2], 1, N_ROWS_MAX, &n_rows)) &&
			take_scalars(p, given[4], &numbers) &&
			(fired == Py_None || take_counts(p, fired, &view, &counts));
	if (!is_plain) {
		if (PyErr_Occurred() != NULL) {
			return NULL;
		}
		Py_RETURN_NONE;
	}

	/* Only now: a buffer may be an object of Python's, which closes the run. */
	PyObject *answer = Py_None;
	if (p->run != NULL) {
		int result = say(p, (uint32_t)step, (uint32_t)n_rows,
			fired == Py_None ? NULL : &counts, &numbers);
		p->seconds += now_s() - begun_s;
		answer = PyLong_FromLong(result);
	} else {
		Py_INCREF(answer);
	}
	if (fired != Py_None) {
		PyBuffer_Release(&view);
	}
	return answer;
}

/* ---- its object ---- */

PyDoc_STRVAR(close_doc, "close(): from now on all is declined.");

static PyObject *close_run(PyObject *self, PyObject *unused) {
	(void)unused;
	((struct plain_step *)(void *)self)->run = NULL;
	Py_RETURN_NONE;
}

static PyObject *create(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
	unsigned long long log_step;
	unsigned long long skip;
	unsigned long long run;
	PyObject *positions;
	Py_ssize_t d_sae;
	long long n_rows;
	(void)kwargs;
	if (!PyArg_ParseTuple(args, "KKKO!nL", &log_step, &skip, &run, &PyDict_Type, &positions,
		    &d_sae, &n_rows)) {
		return NULL;
	}
	if (PyDict_Size(positions) > SCALARS_MAX) {
		PyErr_Format(PyExc_ValueError, "positions: expected at most %d", SCALARS_MAX);
		return NULL;
	}
	allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	struct plain_step *p = (struct plain_step *)(void *)alloc(type, 0);
	if (p == NULL) {
		return NULL;
	}

	p->log_step = (__typeof__(saem_log_step) *)(uintptr_t)log_step;
	p->skip = (__typeof__(saem_skip) *)(uintptr_t)skip;
	p->run = (struct saem_run *)(uintptr_t)run;
	Py_INCREF(positions);
	p->positions = positions;
	p->n_scalars = PyDict_Size(positions);
	p->d_sae = d_sae;
	p->n_rows = n_rows;
	return (PyObject *)p;
}

static void destroy(PyObject *self) {
	PyTypeObject *type = Py_TYPE(self);
	Py_XDECREF(((struct plain_step *)(void *)self)->positions);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
	Py_DECREF(type);
}

static PyMethodDef methods[] = {
	{"push", (PyCFunction)(void (*)(void))push, METH_FASTCALL, push_doc},
	{"close", close_run, METH_NOARGS, close_doc},
	{0},
};

static PyMemberDef members[] = {
	{"seconds", T_DOUBLE, offsetof(struct plain_step, seconds), READONLY, "spent in push"},
	{0},
};

PyDoc_STRVAR(type_doc, "PlainStep(log_step, skip, run, positions, d_sae, n_rows): addresses of two "
		       "functions of the library and of "
		       "an open run; the scalars' positions by name; n_rows where push is given "
		       "None, 0: it has to be given.");

static PyType_Slot slots[] = {
	{Py_tp_doc, (void *)type_doc},
	{Py_tp_new, create},
	{Py_tp_dealloc, destroy},
	{Py_tp_methods, methods},
	{Py_tp_members, members},
	{0},
};

static PyType_Spec type_spec = {
	.name = "sae_metrics._step.PlainStep",
	.basicsize = sizeof(struct plain_step),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = slots,
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_step", .m_size = -1};

PyMODINIT_FUNC PyInit__step(void) {
	PyObject *made = PyModule_Create(&module);
	if (made == NULL) {
		return NULL;
	}

	PyObject *type = PyType_FromSpec(&type_spec);
	if (type == NULL || PyModule_AddObject(made, "PlainStep", type) < 0) {
		Py_XDECREF(type);
		Py_DECREF(made);
		return NULL;
	}
	return made;
}

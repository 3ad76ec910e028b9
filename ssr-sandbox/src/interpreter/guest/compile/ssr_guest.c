/* What CPython 3.11 and its libc lack for the host of ssr-sandbox. */

#include <Python.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* -- Configuration by name, as PEP 741 defines it for CPython 3.14. ----------------------------
 *
 * The host starts every version with the same calls. Only what it sets is here. */

typedef struct {
    PyPreConfig before;
    PyConfig config;
    PyStatus status;
} PyInitConfig;

typedef struct {
    const char *name;
    size_t offset;
} Field;

#define FIELD(name) {#name, offsetof(PyConfig, name)}

static const Field numbers[] = {
    FIELD(isolated), FIELD(safe_path), FIELD(use_environment), FIELD(user_site_directory),
    FIELD(use_hash_seed), FIELD(install_signal_handlers), FIELD(parse_argv), {NULL, 0},
};

static const Field texts[] = {
    FIELD(program_name), FIELD(executable), FIELD(home), {NULL, 0},
};

static void *field(PyInitConfig *config, const Field *fields, const char *name) {
    for (; fields->name != NULL; fields++) {
        if (strcmp(fields->name, name) == 0) {
            return (char *)&config->config + fields->offset;
        }
    }
    config->status = PyStatus_Error("unknown configuration option");
    return NULL;
}

static int outcome(PyInitConfig *config) {
    return PyStatus_Exception(config->status) ? -1 : 0;
}

PyInitConfig *PyInitConfig_Create(void) {
    PyInitConfig *config = calloc(1, sizeof *config);
    if (config != NULL) {
        PyPreConfig_InitIsolatedConfig(&config->before);
        PyConfig_InitIsolatedConfig(&config->config);
        config->status = PyStatus_Ok();
    }
    return config;
}

void PyInitConfig_Free(PyInitConfig *config) {
    PyConfig_Clear(&config->config);
    free(config);
}

int PyInitConfig_SetInt(PyInitConfig *config, const char *name, int64_t value) {
    if (strcmp(name, "utf8_mode") == 0) {
        config->before.utf8_mode = (int)value;
    } else if (strcmp(name, "hash_seed") == 0) {
        config->config.hash_seed = (unsigned long)value;
    } else {
        int *number = field(config, numbers, name);
        if (number != NULL) {
            *number = (int)value;
        }
    }
    return outcome(config);
}

int PyInitConfig_SetStr(PyInitConfig *config, const char *name, const char *value) {
    wchar_t **text = field(config, texts, name);
    if (text != NULL) {
        config->status = Py_PreInitialize(&config->before);
    }
    if (text != NULL && !PyStatus_Exception(config->status)) {
        config->status = PyConfig_SetBytesString(&config->config, text, value);
    }
    return outcome(config);
}

int PyInitConfig_SetStrList(PyInitConfig *config, const char *name, size_t length,
                            char *const *items) {
    if (strcmp(name, "module_search_paths") != 0) {
        config->status = PyStatus_Error("unknown configuration list");
        return -1;
    }
    config->config.module_search_paths_set = 1;
    for (size_t i = 0; i < length && !PyStatus_Exception(config->status); i++) {
        wchar_t *item = Py_DecodeLocale(items[i], NULL);
        if (item == NULL) {
            config->status = PyStatus_NoMemory();
            break;
        }
        config->status = PyWideStringList_Append(&config->config.module_search_paths, item);
        PyMem_RawFree(item);
    }
    return outcome(config);
}

int PyInitConfig_GetError(PyInitConfig *config, const char **message) {
    *message = config->status.err_msg;
    return PyStatus_Exception(config->status);
}

int Py_InitializeFromInitConfig(PyInitConfig *config) {
    config->status = Py_InitializeFromConfig(&config->config);
    return outcome(config);
}

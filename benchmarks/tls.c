#include "tls.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* OpenSSL's numbers for what is used here; they are part of its binary interface and do not change. */
enum {
    ERROR_WANT_READ = 2,
    ERROR_WANT_WRITE = 3,
    ERROR_SYSCALL = 5,
    ERROR_ZERO_RETURN = 6,
    FILETYPE_PEM = 1,
    CONTROL_MODE = 33,
    CONTROL_LOWEST_VERSION = 123,
    TLS_1_3 = 0x0304,
    MODE_PARTIAL_WRITES = 1,
    MODE_MOVING_BUFFERS = 2,
    READ_AHEAD_BYTES = 64 * 1024, /* one system call for several records, or for a record's header and body */
};

static const char *const NAMES[] = {"libssl.so.3", "libssl.so.1.1", "libssl.so"};

/* The library's functions that are called here; `load` fills them in. */
static struct {
    const void *(*TLS_client_method)(void);
    const void *(*TLS_server_method)(void);
    void *(*SSL_CTX_new)(const void *method);
    long (*SSL_CTX_ctrl)(void *context, int command, long number, void *pointer);
    void (*SSL_CTX_set_default_read_buffer_len)(void *context, size_t size);
    int (*SSL_CTX_use_certificate_chain_file)(void *context, const char *path);
    int (*SSL_CTX_use_PrivateKey_file)(void *context, const char *path, int type);
    void *(*SSL_new)(void *context);
    void (*SSL_free)(void *session);
    int (*SSL_set_fd)(void *session, int fd);
    void (*SSL_set_read_ahead)(void *session, int yes);
    void (*SSL_set_connect_state)(void *session);
    void (*SSL_set_accept_state)(void *session);
    int (*SSL_do_handshake)(void *session);
    int (*SSL_read)(void *session, void *buffer, int size);
    int (*SSL_write)(void *session, const void *bytes, int size);
    int (*SSL_get_error)(const void *session, int returned);
    int (*SSL_has_pending)(const void *session);
    void (*ERR_clear_error)(void);
} ssl;

static void fail_tls(const char *what)
{
    fprintf(stderr, "TLS: %s\n", what);
    exit(1);
}

static void *found(void *library, const char *name)
{
    void *function = dlsym(library, name); /* looks in libcrypto as well, which libssl depends on */
    if (function == NULL)
        fail_tls(dlerror());
    return function;
}

static void load(void)
{
    void *library = NULL;
    for (size_t i = 0; library == NULL && i < sizeof NAMES / sizeof *NAMES; i++)
        library = dlopen(NAMES[i], RTLD_NOW);
    if (library == NULL)
        fail_tls("OpenSSL's library libssl.so.3 (or libssl.so.1.1) is not installed; Debian calls it libssl3");
#define FIND(name) *(void **)&ssl.name = found(library, #name)
    FIND(TLS_client_method);
    FIND(TLS_server_method);
    FIND(SSL_CTX_new);
    FIND(SSL_CTX_ctrl);
    FIND(SSL_CTX_set_default_read_buffer_len);
    FIND(SSL_CTX_use_certificate_chain_file);
    FIND(SSL_CTX_use_PrivateKey_file);
    FIND(SSL_new);
    FIND(SSL_free);
    FIND(SSL_set_fd);
    FIND(SSL_set_read_ahead);
    FIND(SSL_set_connect_state);
    FIND(SSL_set_accept_state);
    FIND(SSL_do_handshake);
    FIND(SSL_read);
    FIND(SSL_write);
    FIND(SSL_get_error);
    FIND(SSL_has_pending);
    FIND(ERR_clear_error);
#undef FIND
}

static void *new_context(const void *method)
{
    void *context = ssl.SSL_CTX_new(method);
    if (context == NULL || ssl.SSL_CTX_ctrl(context, CONTROL_LOWEST_VERSION, TLS_1_3, NULL) != 1)
        fail_tls("this library cannot speak TLS 1.3");
    ssl.SSL_CTX_ctrl(context, CONTROL_MODE, MODE_PARTIAL_WRITES | MODE_MOVING_BUFFERS, NULL);
    ssl.SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD_BYTES);
    return context;
}

void *tls_client_context(void)
{
    load();
    return new_context(ssl.TLS_client_method());
}

void *tls_server_context(const char *pem_path)
{
    load();
    void *context = new_context(ssl.TLS_server_method());
    if (ssl.SSL_CTX_use_certificate_chain_file(context, pem_path) != 1 ||
        ssl.SSL_CTX_use_PrivateKey_file(context, pem_path, FILETYPE_PEM) != 1)
        fail_tls("the file with the key and the certificates cannot be used");
    return context;
}

static void *new_session(void *context, int fd)
{
    void *session = ssl.SSL_new(context);
    if (session == NULL || ssl.SSL_set_fd(session, fd) != 1)
        fail_tls("no memory for a session");
    ssl.SSL_set_read_ahead(session, 1);
    return session;
}

void *tls_client_session(void *context, int fd)
{
    void *session = new_session(context, fd);
    ssl.SSL_set_connect_state(session);
    return session;
}

void *tls_server_session(void *context, int fd)
{
    void *session = new_session(context, fd);
    ssl.SSL_set_accept_state(session);
    return session;
}

void tls_free(void *session)
{
    ssl.SSL_free(session);
}

int tls_connect(void *session)
{
    return ssl.SSL_do_handshake(session) == 1 ? 0 : -1;
}

/* What recv or send would return in place of this unsuccessful return of the library's. */
static ssize_t as_system_call(void *session, int returned)
{
    int error = ssl.SSL_get_error(session, returned);
    ssl.ERR_clear_error();
    if (error == ERROR_ZERO_RETURN)
        return 0;
    if (error == ERROR_WANT_READ || error == ERROR_WANT_WRITE)
        errno = EAGAIN;
    else if (error != ERROR_SYSCALL || errno == 0 || errno == EAGAIN)
        errno = EPROTO; /* also the end without a close_notify */
    return -1;
}

ssize_t tls_recv(void *session, void *buffer, size_t size)
{
    int received = ssl.SSL_read(session, buffer, size > INT_MAX ? INT_MAX : (int)size);
    return received > 0 ? received : as_system_call(session, received);
}

ssize_t tls_send(void *session, const void *bytes, size_t size)
{
    int sent = ssl.SSL_write(session, bytes, size > INT_MAX ? INT_MAX : (int)size);
    return sent > 0 ? sent : as_system_call(session, sent);
}

int tls_has_more(void *session)
{
    return ssl.SSL_has_pending(session);
}

/* tls: TLS 1.3 over a socket's descriptor, with calls that behave as recv and send do.
 *
 * It loads OpenSSL's shared library when it is first used and declares by hand the few functions that it calls, so that
 * neither OpenSSL's headers nor a library are needed to compile the benchmarks. Certificates are not verified.
 */
#ifndef TLS_H
#define TLS_H

#include <sys/types.h>

/* Each of these ends the program, and says why, if it cannot do it. A context is for many sessions, a session for one
 * connection. `pem_path` is a file with the server's key and its certificates. */
void *tls_client_context(void);
void *tls_server_context(const char *pem_path);
void *tls_client_session(void *context, int fd);
void *tls_server_session(void *context, int fd);
void tls_free(void *session);

/* Returns 0 once a client's blocking socket has shaken hands, -1 if that failed. A server's first tls_recv does it. */
int tls_connect(void *session);

/* As recv and send: -1 with errno EAGAIN when the socket must be waited for, 0 at the end. At most one record, 16 KiB,
 * at a time. A send that was refused must be repeated with the same bytes. */
ssize_t tls_recv(void *session, void *buffer, size_t size);
ssize_t tls_send(void *session, const void *bytes, size_t size);

/* Whether bytes were read from the socket that tls_recv has not given yet: epoll does not tell of those. */
int tls_has_more(void *session);

#endif

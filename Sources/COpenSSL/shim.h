#pragma once
// The SHA-2 contexts are plain structs only in the low-level API, and an upload has to carry its hash state from one
// request to the next; libcrypto 3 still ships that API, marked deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

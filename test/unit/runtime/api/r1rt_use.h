/* Walks through the whole C interface with the fake model at `path`; NULL, or the line that went wrong. */
#pragma once
#ifdef __cplusplus
extern "C"
#endif
    const char* use_r1rt(const char* path);

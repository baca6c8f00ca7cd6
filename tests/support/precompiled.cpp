// Nothing to compile: the target of this file owns the precompiled header that the test programs share.

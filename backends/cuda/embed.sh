#!/usr/bin/env bash
# embed.sh FATBIN NAME OUTPUT.S: assembler source that holds the file's bytes as regulus_cuda_image_NAME.
set -euo pipefail
cat >"$3" <<TEXT
    .section .rodata
    .global regulus_cuda_image_$2
    .type regulus_cuda_image_$2, @object
    .balign 16
regulus_cuda_image_$2:
    .incbin "$1"
    .size regulus_cuda_image_$2, . - regulus_cuda_image_$2
    .section .note.GNU-stack,"",@progbits
TEXT

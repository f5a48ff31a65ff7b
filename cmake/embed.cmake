# SPDX-License-Identifier: MIT
# cdc_embed(TARGET FILE NAME): compiles FILE into TARGET, byte for byte, as
#
#     #include "NAME.h"      static const char NAME[];  static const size_t NAME_len;
#
# There is a NUL behind the last byte, which the length does not count.  The same file is the script
# that writes the header at build time: it asks nothing of the machine but CMake.
if(CMAKE_SCRIPT_MODE_FILE)
    file(READ ${IN} hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR len "${digits} / 2")
    string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    file(WRITE ${OUT}.new "/* Written by cmake/embed.cmake; do not edit. */\n#include <stddef.h>\n\n\
static const char ${NAME}[] = {\n${hex}0x00};\nstatic const size_t ${NAME}_len = ${len};\n")
    file(RENAME ${OUT}.new ${OUT})
    return()
endif()

set(CDC_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(cdc_embed target file name)
    set(header ${PROJECT_BINARY_DIR}/generated/${name}.h)
    add_custom_command(OUTPUT ${header}
        COMMAND ${CMAKE_COMMAND} -DIN=${file} -DOUT=${header} -DNAME=${name} -P ${CDC_EMBED_SCRIPT}
        DEPENDS ${file} ${CDC_EMBED_SCRIPT}
        COMMENT "Embedding ${name}" VERBATIM)
    target_sources(${target} PRIVATE ${header})
endfunction()

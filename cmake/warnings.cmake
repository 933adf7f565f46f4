# An interface library: whoever links it is compiled with the project's warnings.
option(FALSESTART_WERROR "Warnings are errors" OFF)
add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE
  -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wvla -Wundef
  -Wwrite-strings -Wswitch-enum -Wimplicit-fallthrough -fno-common)
if(FALSESTART_WERROR)
  target_compile_options(warnings INTERFACE -Werror)
endif()

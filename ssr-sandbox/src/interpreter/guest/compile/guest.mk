# Read after CPython's own Makefile, in its build folder: the libraries that CPython expects of the
# system, and one module of everything. OPTIMISE, EXPORTS and STACK come from the command line.

COMPILE = $(CC) -c $(OPTIMISE) -w

library_objects := $(patsubst ../libraries/%.c,libraries/%.o,$(wildcard ../libraries/*/*.c))

libraries/zlib/%.o: EXTRA = -DHAVE_UNISTD_H
libraries/sqlite3/%.o: EXTRA = -D_WASI_EMULATED_GETPID -DSQLITE_THREADSAFE=0 \
	-DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_TEMP_STORE=2 -DSQLITE_ENABLE_MATH_FUNCTIONS \
	-DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_COLUMN_METADATA

libraries/%.o: ../libraries/%.c
	@mkdir -p $(@D)
	$(COMPILE) $(EXTRA) $< -o $@

ssr_guest.o: ../ssr_guest.c pyconfig.h
	$(COMPILE) -I. -I$(srcdir)/Include $< -o $@

guest.wasm: ssr_guest.o libpython3.11.a $(library_objects) $(LIBMPDEC_A) $(LIBEXPAT_A)
	$(CC) $(OPTIMISE) -mexec-model=reactor -o $@ $^ $(LIBS) -lm -Wl,--strip-all \
		-Wl,--stack-first,-z,stack-size=$(STACK) \
		$(EXPORTS:%=-Wl,--export=%)

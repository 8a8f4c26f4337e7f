# Proves the folder in simulation, without Python: `make` with Verilator, `make icarus`, `make axi` and
# `make axi-icarus` behind the AXI wrapper, `make lint`, `make yosys`.
STALL ?= 0
SEED ?= 1
TRACE ?= 0
# of the AXI wrapper: images one after the other; 1 for all faults and what brings it back
RUNS ?= 2
FAULTS ?= 0
TOP := dq_testbench
RTL := rtl/dq_config.sv $(sort $(filter-out rtl/dq_config.sv,$(wildcard rtl/*.sv)))
CORE := $(filter-out rtl/dq_config.sv rtl/dq_addresses.sv rtl/dq_axi%,$(RTL))
BENCH := tb/dq_found_check.sv tb/dq_testbench.sv
RUN := +mem=mem +vectors=tb/vectors +stall=$(STALL) +seed=$(SEED) +trace=$(TRACE)

AXI_TOP := dq_axi_testbench
AXI_BENCH := $(sort $(wildcard tb/axi/*.sv))
AXI_RUN := +mem=mem +vectors=tb/vectors +sw=sw +stall=$(STALL) +seed=$(SEED) +runs=$(RUNS) \
  +faults=$(FAULTS)

.DEFAULT_GOAL := verilator
.PHONY: verilator icarus axi axi-icarus lint yosys clean

build/verilator/V$(TOP): $(RTL) $(BENCH)
	mkdir -p build
	verilator --binary -O3 --x-assign fast --x-initial fast --top-module $(TOP) -MAKEFLAGS OPT_FAST=-O2 \
	  --Mdir build/verilator $^

build/$(TOP).vvp: $(RTL) $(BENCH)
	mkdir -p build
	iverilog -g2012 -s $(TOP) -o $@ $^

# the last line is PASS, or FAIL with the first difference
verilator: build/verilator/V$(TOP)
	$< $(RUN) | tee build/log
	grep -qx PASS build/log

icarus: build/$(TOP).vvp
	vvp -n $< $(RUN) | tee build/log
	grep -qx PASS build/log

build/axi/V$(AXI_TOP): $(RTL) $(AXI_BENCH)
	mkdir -p build
	verilator --binary -O3 --x-assign fast --x-initial fast --top-module $(AXI_TOP) -MAKEFLAGS OPT_FAST=-O2 \
	  --Mdir build/axi $^

build/$(AXI_TOP).vvp: $(RTL) $(AXI_BENCH)
	mkdir -p build
	iverilog -g2012 -s $(AXI_TOP) -o $@ $^

axi: build/axi/V$(AXI_TOP)
	$< $(AXI_RUN) | tee build/log
	grep -qx PASS build/log

axi-icarus: build/$(AXI_TOP).vvp
	vvp -n $< $(AXI_RUN) | tee build/log
	grep -qx PASS build/log

lint:
	verilator --lint-only -Wall --top-module dq_axi $(RTL)
	verilator --lint-only -Wall --top-module dq_detector -GHEAD=0 $(CORE)
	verilator --lint-only -Wall --top-module dq_detector -GHEAD=1 $(CORE)

# cells of an array, `make yosys FAMILY=ecp5 SIZE=4`, some minutes; what is left out at the end of yosys' script only
# gives names to cells; -nosrl as Yosys 0.23 forgets the enable of shift registers that it puts into LUTs
FAMILY ?= ecp5
SIZE ?= 4
ifeq ($(filter $(FAMILY),ecp5 ice40 xilinx),)
$(error FAMILY is '$(FAMILY)': expected ecp5, ice40 or xilinx)
endif
yosys:
	mkdir -p build
	ulimit -v 8000000; timeout 1800 yosys -q -p "read_verilog -sv $(CORE); \
	hierarchy -top dq_engine -chparam ICP $(SIZE) -chparam OCP $(SIZE) -chparam LANES $(SIZE); \
	synth_$(FAMILY) $(if $(filter xilinx,$(FAMILY)),-flatten -noiopad -nosrl) -run :check; tee -o build/cells stat"
	cat build/cells

clean:
	rm -rf build

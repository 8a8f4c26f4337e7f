// AXI4-Lite slave: turns the bus's five channels into one write and one read of a register.
//
// A write is taken when its address and its data are both there, and answered in the next cycle; a read is answered two
// cycles after its address. One of each at a time. A write with less than four strobes is refused with SLVERR, as is
// whatever `known` denies.
module dq_axi_lite #(
    parameter int ADDRESS = 12  // bits of an address of a byte
) (
    input  logic               clk,
    input  logic               rst,
    // bus
    input  logic [ADDRESS-1:0] awaddr,
    input  logic               awvalid,
    output logic               awready,
    input  logic [       31:0] wdata,
    input  logic [        3:0] wstrb,
    input  logic               wvalid,
    output logic               wready,
    output logic [        1:0] bresp,
    output logic               bvalid,
    input  logic               bready,
    input  logic [ADDRESS-1:0] araddr,
    input  logic               arvalid,
    output logic               arready,
    output logic [       31:0] rdata,
    output logic [        1:0] rresp,
    output logic               rvalid,
    input  logic               rready,
    // registers
    output logic               write,          // one cycle
    output logic [ADDRESS-1:0] write_address,
    output logic [       31:0] write_data,
    input  logic               write_known,    // of this address, in the same cycle
    output logic [ADDRESS-1:0] read_address,
    input  logic [       31:0] read_data,      // of this address, in the same cycle
    input  logic               read_known
);
  localparam logic [1:0] OKAY = 2'b00, SLVERR = 2'b10;

  logic whole, take;
  assign whole = &wstrb;
  assign take = awvalid && wvalid && !bvalid;
  assign awready = take;
  assign wready = take;
  assign write = take && whole;
  assign write_address = awaddr;
  assign write_data = wdata;

  logic asked;
  assign arready = !asked && !rvalid;

  always_ff @(posedge clk) begin
    if (bvalid && bready) bvalid <= 1'b0;
    if (take) begin
      bvalid <= 1'b1;
      bresp  <= whole && write_known ? OKAY : SLVERR;
    end
    if (arvalid && arready) begin
      asked <= 1'b1;
      read_address <= araddr;
    end
    if (asked) begin
      asked  <= 1'b0;
      rvalid <= 1'b1;
      rdata  <= read_data;
      rresp  <= read_known ? OKAY : SLVERR;
    end
    if (rvalid && rready) rvalid <= 1'b0;
    if (rst) begin
      bvalid <= 1'b0;
      asked  <= 1'b0;
      rvalid <= 1'b0;
    end
  end
endmodule

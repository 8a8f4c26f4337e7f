// Asks for the words that hold the distances of each candidate's cell: WORDS of them, one group of channels each.
//
// What the candidate is goes into a queue beside its reads. A list's end is passed on in the queue alone; once there are
// detections enough, the other candidates are taken and go. Cycles: 3 + WORDS for a candidate, while those before it are
// computed; 1 for one that goes.
module dq_head_fetch #(
    parameter int WORDS = 4,
    parameter int LEVELS = 3,
    parameter int ADDRESS = 20,
    parameter int SIZE = 7,
    parameter int CLASS = 7,
    parameter int LOG_LEVELS = LEVELS > 1 ? $clog2(LEVELS) : 1,  // this and what follows: not to be set
    parameter int CELL = LOG_LEVELS + 2 * SIZE,
    parameter int TAG = 1 + 8 + CELL + CLASS
) (
    input  logic                      clk,
    input  logic                      rst,
    // settings
    input  logic [   LEVELS*SIZE-1:0] columns,
    input  logic [LEVELS*ADDRESS-1:0] side_bases,
    input  logic [LEVELS*ADDRESS-1:0] planes,
    // candidates
    input  logic                      enough,       // no more are wanted
    input  logic                      found_valid,
    output logic                      found_ready,
    input  logic                      found_end,
    input  logic [               7:0] found_code,
    input  logic [          CELL-1:0] found_cell,   // level, row, column
    input  logic [         CLASS-1:0] found_class,
    // reads
    output logic                      ask_valid,
    input  logic                      ask_ready,
    output logic [       ADDRESS-1:0] ask_address,
    // the queue: end, code, class, cell
    output logic                      tag_valid,
    input  logic                      tag_ready,
    output logic [           TAG-1:0] tag
);
  localparam logic [1:0] TAKE = 2'd0, PRODUCT = 2'd1, SUM = 2'd2, ASK = 2'd3;
  localparam int COUNT = WORDS > 1 ? $clog2(WORDS) : 1;

  logic [1:0] state;
  logic [LOG_LEVELS-1:0] level;
  logic [SIZE-1:0] row, column;
  logic [ADDRESS-1:0] product, begins;
  logic [COUNT-1:0] word;
  logic goes;

  assign goes = enough && !found_end;
  assign found_ready = state == TAKE && (tag_ready || goes);
  assign tag_valid = state == TAKE && found_valid && !goes;
  assign tag = {found_end, found_code, found_class, found_cell};
  assign ask_valid = state == ASK;

  always_ff @(posedge clk) begin
    if (rst) state <= TAKE;
    else begin
      case (state)
        TAKE: if (found_valid && found_ready && !found_end && !goes) state <= PRODUCT;
        PRODUCT: state <= SUM;
        SUM: state <= ASK;
        default: if (ask_ready && 32'(word) == WORDS - 1) state <= TAKE;
      endcase
    end
    if (state == TAKE) begin
      {level, row, column} <= found_cell;
      word <= '0;
    end
    if (state == PRODUCT) begin
      product <= ADDRESS'(row) * ADDRESS'(columns[SIZE*level+:SIZE]);
      begins  <= side_bases[ADDRESS*level+:ADDRESS] + ADDRESS'(column);
    end
    if (state == SUM) ask_address <= begins + product;
    if (state == ASK && ask_ready) begin
      ask_address <= ask_address + planes[ADDRESS*level+:ADDRESS];
      word <= word + 1'b1;
    end
  end
endmodule

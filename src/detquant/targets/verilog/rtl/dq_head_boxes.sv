// Boxes of candidates: four distances from the codes of a cell, and the corners from these.
//
// A cell's words come in the order of its channels, the bins of the left side first, then top, right, bottom; codes are
// taken from them one a cycle. Cycles a box: 4 (2 BINS + 11 + log2(BINS)) + 3, those of `dq_head_distances`. While a box
// waits to be taken, the next one is computed.
module dq_head_boxes #(
    parameter int ICP = 16,
    parameter int BINS = 16,
    parameter int LEVELS = 3,
    parameter int SIZE = 7,
    parameter int CLASS = 7,
    parameter int LOG_LEVELS = LEVELS > 1 ? $clog2(LEVELS) : 1,  // this and what follows: not to be set
    parameter int CELL = LOG_LEVELS + 2 * SIZE,
    parameter int TAG = 1 + 8 + CELL + CLASS
) (
    input  logic                  clk,
    input  logic                  rst,
    // settings, and the tables of exponentials
    input  logic [  LEVELS*3-1:0] log_strides,
    input  logic                  entry_write,
    input  logic [LOG_LEVELS+7:0] entry_address,
    input  logic [          15:0] entry,
    // candidates: end, code, class, cell
    input  logic                  tag_valid,
    output logic                  tag_ready,
    input  logic [       TAG-1:0] tag,
    // words of their cells
    input  logic                  word_valid,
    output logic                  word_ready,
    input  logic [     ICP*8-1:0] word,
    // boxes
    output logic                  box_valid,
    input  logic                  box_ready,
    output logic                  box_end,
    output logic [          63:0] box,
    output logic [     CLASS-1:0] box_class,
    output logic [           7:0] box_code
);
  localparam int CODES = 4 * BINS;
  localparam int COUNT = $clog2(CODES), LANE = ICP > 1 ? $clog2(ICP) : 1;
  localparam int DISTANCE = 8 + $clog2(BINS);

  logic tag_end;
  logic [7:0] tag_code;
  logic [CLASS-1:0] tag_class;
  logic [LOG_LEVELS-1:0] level;
  logic [SIZE-1:0] row, column;
  assign {tag_end, tag_code, tag_class, level, row, column} = tag;

  // ---- codes, one a cycle
  logic code_valid, code_ready, code_taken, fed;  // fed: all codes of the cell
  logic [LANE-1:0] lane;
  logic [COUNT-1:0] number;
  logic is_last;

  assign code_valid = word_valid && tag_valid && !tag_end && !fed;
  assign code_taken = code_valid && code_ready;
  assign is_last = 32'(number) == CODES - 1;
  assign word_ready = code_taken && (is_last || 32'(lane) == ICP - 1);

  // ---- distances, gathered
  logic distance_valid, distance_ready, gathered;
  logic [DISTANCE-1:0] distance;
  logic [4*DISTANCE-1:0] sides;
  logic [1:0] side;

  dq_head_distances #(
      .BINS  (BINS),
      .LEVELS(LEVELS)
  ) distances (
      .clk(clk),
      .rst(rst),
      .entry_write(entry_write),
      .entry_address(entry_address),
      .entry(entry),
      .code_valid(code_valid),
      .code_ready(code_ready),
      .code(word[8*lane+:8]),
      .code_level(level),
      .distance_valid(distance_valid),
      .distance_ready(distance_ready),
      .distance(distance)
  );
  assign distance_ready = !gathered;

  // ---- corners
  logic passes, sides_ready, corners_valid, waits;  // waits: a box is on its way or not taken yet
  assign passes = gathered && sides_ready && !waits;
  assign box_end = !waits && tag_valid && tag_end;
  assign box_valid = corners_valid || box_end;
  assign tag_ready = passes || box_end && box_ready;

  dq_head_corners #(
      .PLACE(SIZE),
      .DISTANCE(DISTANCE)
  ) corners (
      .clk(clk),
      .rst(rst),
      .sides_valid(passes),
      .sides_ready(sides_ready),
      .sides(sides),
      .column(column),
      .row(row),
      .log_stride(log_strides[3*level+:3]),
      .box_valid(corners_valid),
      .box_ready(box_ready),
      .box(box)
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      lane <= '0;
      number <= '0;
      side <= '0;
      {fed, gathered, waits} <= '0;
    end else begin
      if (code_taken) begin
        lane <= word_ready ? '0 : lane + 1'b1;
        number <= is_last ? '0 : number + 1'b1;
        if (is_last) fed <= 1'b1;
      end
      if (distance_valid && distance_ready) begin
        side <= side + 1'b1;
        if (side == 2'd3) gathered <= 1'b1;
      end
      if (corners_valid && box_ready) waits <= 1'b0;
      if (passes) begin
        {fed, gathered} <= '0;
        waits <= 1'b1;
      end
    end
    if (distance_valid && distance_ready) sides[DISTANCE*side+:DISTANCE] <= distance;
    if (passes) begin
      box_class <= tag_class;
      box_code  <= tag_code;
    end
  end
endmodule

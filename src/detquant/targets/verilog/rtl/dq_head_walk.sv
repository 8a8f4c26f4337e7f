// Walks over the maps of class logits, a word of ICP classes of one cell a cycle.
//
// From the outermost loop to the innermost: levels, groups of ICP classes, rows, columns. So the addresses of a level
// are one behind the other. In which order words come does not matter to what is found.
module dq_head_walk #(
    parameter int ICP = 16,
    parameter int LEVELS = 3,
    parameter int ADDRESS = 20,
    parameter int SIZE = 7,
    parameter int CLASS = 7,
    parameter int LOG_LEVELS = LEVELS > 1 ? $clog2(LEVELS) : 1  // not to be set
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      go,           // one cycle: begin
    // settings
    input  logic [      LOG_LEVELS:0] levels,
    input  logic [           CLASS:0] classes,
    input  logic [   LEVELS*SIZE-1:0] rows,
    input  logic [   LEVELS*SIZE-1:0] columns,
    input  logic [LEVELS*ADDRESS-1:0] class_bases,
    // steps
    output logic                      step_valid,
    input  logic                      step_ready,
    output logic [       ADDRESS-1:0] step_address,
    output logic [    LOG_LEVELS-1:0] step_level,
    output logic [          SIZE-1:0] step_row,
    output logic [          SIZE-1:0] step_column,
    output logic [         CLASS-1:0] step_class,   // of lane 0
    output logic                      step_last     // of the image
);
  logic column_last, row_last, group_last, level_last;
  logic [LOG_LEVELS-1:0] next_level;

  assign column_last = step_column + 1'b1 == columns[SIZE*step_level+:SIZE];
  assign row_last = step_row + 1'b1 == rows[SIZE*step_level+:SIZE];
  assign group_last = 32'(step_class) + ICP >= 32'(classes);
  assign level_last = {1'b0, step_level} + 1'b1 == levels;
  assign step_last = column_last && row_last && group_last && level_last;
  assign next_level = level_last ? '0 : step_level + 1'b1;

  always_ff @(posedge clk) begin
    if (rst) begin
      step_valid <= 1'b0;
    end else if (go) begin
      step_valid <= 1'b1;
      step_address <= class_bases[0+:ADDRESS];
      step_level <= '0;
      {step_row, step_column} <= '0;
      step_class <= '0;
    end else if (step_valid && step_ready) begin
      step_address <= step_address + 1'b1;
      step_column  <= column_last ? '0 : step_column + 1'b1;
      if (column_last) step_row <= row_last ? '0 : step_row + 1'b1;
      if (column_last && row_last) begin
        step_class <= group_last ? '0 : step_class + CLASS'(ICP);
        if (group_last) begin
          step_level   <= next_level;
          step_address <= class_bases[ADDRESS*next_level+:ADDRESS];
          if (level_last) step_valid <= 1'b0;
        end
      end
    end
  end
endmodule
